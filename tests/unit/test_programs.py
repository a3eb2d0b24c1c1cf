"""Titles of programs, and what makes two processes the same program."""

import shlex
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from porteye_core.model import ProcessKey
from porteye_core.owners import processes
from porteye_core.owners.processes import program
from porteye_core.programs import Identity, title

NODE, PYTHON, PHP, PERL = "/usr/bin/node", "/usr/bin/python3.11", "/usr/bin/php8.2", "/usr/bin/perl"
RUBY, JAVA = "/usr/bin/ruby3.1", "/usr/lib/jvm/java-17-openjdk-amd64/bin/java"
DOTNET, DENO, BUN, GO = "/usr/bin/dotnet", "/usr/bin/deno", "/usr/bin/bun", "/usr/local/go/bin/go"
FPM = "/usr/sbin/php-fpm8.2"

# By executable, command lines and titles
TITLES: dict[str, dict[str, str | None]] = {
    NODE: {
        "node server.js": "server.js (node)",
        "/usr/bin/node /srv/shop/server.js --port 3000": "server.js (node)",
        "node --inspect=127.0.0.1:0 -r dotenv/config --import ./trace.mjs dist/main.js": (
            "main.js (node)"
        ),
        "node --max-old-space-size=4096 --env-file=.env app.mjs": "app.mjs (node)",
        "node /srv/shop/index.js": "shop/index.js (node)",
        "node index.js": "index.js (node)",
        "node /srv/shop/node_modules/.bin/vite --port 5173": "vite (node)",
        "node /srv/node_modules/.pnpm/vite@5.0.0/node_modules/vite/bin/vite.js": "vite (node)",
        "node /srv/node_modules/@vendor/tool/bin/tool.js": "@vendor/tool (node)",
        "node /srv/shop/node_modules/.bin/next dev -p 3001": "next dev",
        "node /srv/shop/node_modules/.bin/ng serve --port 4200": "ng serve",
        "node /usr/lib/node_modules/npm/bin/npm-cli.js run dev": "npm run dev",
        "node /usr/lib/node_modules/npm/bin/npx-cli.js --yes serve": "npx serve",
        "node /usr/share/yarn/bin/yarn.js dev": "yarn dev",
        "npm run dev": "npm run dev",
        "next-server '(v15.1.0)'": "next-server (v15.1.0)",
        "PM2 v5.3.0: God Daemon '(/root/.pm2)'": "PM2 v5.3.0: God Daemon (/root/.pm2)",
        "node -e 'require(\"net\").createServer().listen(80)'": "node -e",
        "node -pe 1": "node -pe",
        "node": None,
        "node .": None,
        "node -": None,
    },
    PYTHON: {
        "python3 app.py": "app.py (python)",
        "/srv/venv/bin/python -u /srv/shop/app.py --debug": "app.py (python)",
        "python3 -X dev -W error -O app.py": "app.py (python)",
        "python3 -Xdev -- app.py": "app.py (python)",
        "python3 -m http.server 8000": "http.server (python)",
        "python3 -um http.server 8000": "http.server (python)",
        "python3 -mhttp.server": "http.server (python)",
        "python3 /srv/shop/__main__.py": "shop (python)",
        "python3 manage.py runserver 0.0.0.0:8000": "manage.py runserver (python)",
        "python3 manage.py": "manage.py (python)",
        "/usr/bin/python3 /usr/bin/gunicorn shop.wsgi": "gunicorn shop.wsgi",
        "python3 /usr/bin/gunicorn -w 4 --reload -b unix:a.sock --no-sendfile shop.wsgi:app": (
            "gunicorn shop.wsgi:app"
        ),
        "python3 -m gunicorn --config gunicorn.conf.py": "gunicorn (python)",
        "gunicorn: master '[shop.wsgi]'": "gunicorn: master [shop.wsgi]",
        "python3 /srv/venv/bin/uvicorn app:app --host 0.0.0.0 --port 80": "uvicorn app:app",
        "python3 -m uvicorn --reload --log-level debug app.main:make --factory": (
            "uvicorn app.main:make"
        ),
        "python3 /srv/bin/uvicorn --new-switch app:app": "uvicorn app:app",
        "python3 /srv/bin/hypercorn --bind 0.0.0.0:80 app:app": "hypercorn app:app",
        "python3 /srv/bin/flask --app shop run --debug": "flask run",
        "python3 -m streamlit run --server.port 8501 app.py": "streamlit run app.py",
        "python3 /usr/bin/fail2ban-server -xf start": "fail2ban-server (python)",
        "python3 /usr/bin/jupyter-lab --no-browser": "jupyter-lab (python)",
        "python3 -c 'import socket'": "python -c",
        "python3 -c 'from multiprocessing.spawn import spawn_main; spawn_main(pipe_handle=7)'"
        " --multiprocessing-fork": "multiprocessing (python)",
        "python3": None,
        "python3 -": None,
        "python3 -i": None,
        "python3 -g daemon": None,  # no option of Python's: what follows may be its value
    },
    JAVA: {
        "java -jar app.jar": "app.jar (java)",
        "java -Xmx1g -Dx=y -jar /srv/shop-1.2.jar --server.port=80": "shop-1.2.jar (java)",
        "java -cp /a.jar:/b.jar com.acme.Inventory --port 80": "Inventory (java)",
        "java -Xmx1G -cp '/opt/kafka/libs/a.jar:…' kafka.Kafka server.properties": "Kafka (java)",
        "java --add-opens java.base/java.lang=ALL-UNNAMED com.acme.Inventory": "Inventory (java)",
        "java --module-path mods -m com.acme/com.acme.Inventory": "Inventory (java)",
        "java -m com.acme.inventory/com.acme.inventory.Main": "com.acme.inventory.Main (java)",
        "java org.apache.catalina.startup.Bootstrap start": (
            "org.apache.catalina.startup.Bootstrap (java)"
        ),
        "java Server.java": "Server.java (java)",
        "java -jar /usr/share/java/jenkins.war": "jenkins.war (java)",
        "java @arguments com.acme.ShopKt": "ShopKt (java)",
        "java -version": None,
    },
    RUBY: {
        "ruby server.rb": "server.rb (ruby)",
        "ruby -W0 -I lib -rbundler/setup -C /srv server.rb": "server.rb (ruby)",
        "ruby bin/rails server -p 3000": "rails server",
        "/usr/bin/ruby3.1 bin/rails s": "rails s",
        "ruby /usr/bin/puma -C config/puma.rb": "puma (ruby)",
        "puma 6.4.0 '(tcp://localhost:3000)' '[shop]'": "puma 6.4.0 (tcp://localhost:3000) [shop]",
        "ruby /usr/bin/jekyll serve": "jekyll serve",
        "ruby -run -e httpd . -p 8080": "httpd (ruby)",
        "ruby -e 'loop { accept }'": "ruby -e",
    },
    PHP: {
        "php -S localhost:8000 -t public router.php": "php -S localhost:8000",
        "php -d memory_limit=-1 -S 127.0.0.1:8000": "php -S 127.0.0.1:8000",
        "php artisan serve --port=8000": "artisan serve (php)",
        "php bin/console messenger:consume async": "console messenger:consume (php)",
        "php -d display_errors=1 /srv/server.php start": "server.php (php)",
        "php -f server.php": "server.php (php)",
        "php -r 'sleep(9);'": "php -r",
        "php -a": None,
    },
    FPM: {
        "php-fpm: master process '(/etc/php/8.2/fpm/php-fpm.conf)'": "php-fpm: master process",
        "php-fpm: pool www": "php-fpm: pool www",
        "/usr/sbin/php-fpm8.2 --nodaemonize --fpm-config /etc/php/8.2/fpm/php-fpm.conf": None,
    },
    PERL: {
        "perl server.pl": "server.pl (perl)",
        "/usr/bin/perl -T -w /usr/sbin/spamd -d": "spamd (perl)",
        "perl -I lib -MData::Dumper -i.bak server.pl": "server.pl (perl)",
        "spamd child": "spamd child",
        "perl /usr/bin/plackup -p 5000 app.psgi": "plackup app.psgi",
        "perl -we 'print 1'": "perl -e",
    },
    DOTNET: {
        "dotnet Foo.dll --urls http://0.0.0.0:80": "Foo.dll (dotnet)",
        "dotnet exec --runtimeconfig a.json /srv/Shop.Api.dll": "Shop.Api.dll (dotnet)",
        "dotnet run --project Shop": "dotnet run",
        "dotnet watch": "dotnet watch",
    },
    DENO: {
        "deno run --allow-net -c deno.json server.ts": "server.ts (deno)",
        "deno serve --port 80 main.ts": "main.ts (deno)",
        "deno run -A https://example.org/std/http/file_server.ts": "file_server.ts (deno)",
        "deno task dev": "deno task dev",
        "deno": None,
    },
    BUN: {
        "bun server.ts": "server.ts (bun)",
        "bun --hot run ./server.ts": "server.ts (bun)",
        "bun run dev": "bun run dev",
        "bunx vite": "bun x vite",
        "bun -e 1": "bun -e",
    },
    GO: {"go run ./cmd/api": "go run ./cmd/api", "go run -race .": "go run .", "go build": None},
    "/tmp/go-build12/b001/exe/api": {"/tmp/go-build12/b001/exe/api -p 80": "api (go run)"},
    "/root/.cache/go-build/ab/0123456789abcdef-d/api": {"api": "api (go run)"},
    # What is no interpreter is called by its name, whatever its command line says.
    "/usr/sbin/nginx": {"nginx: master process /usr/sbin/nginx": None, "node server.js": None},
    "/usr/bin/nodejs-exporter": {"nodejs-exporter": None},
    "": {"": None, "node server.js": "server.js (node)", "nginx -g daemon": None},
}
CASES = [(exe, *case) for exe, cases in TITLES.items() for case in cases.items()]


@pytest.mark.parametrize(("exe", "cmdline", "told"), CASES)
def test_a_program_is_shown_by_what_it_runs(exe: str, cmdline: str, told: str | None) -> None:
    name = exe.rpartition("/")[2] or "node"
    assert title(name, exe, cmdline) == (told or name)


def test_the_table_is_of_command_lines_as_they_are_stored() -> None:
    for exe, cmdline, _ in CASES:
        assert program("a name", exe, "", shlex.split(cmdline)).cmdline == cmdline


@pytest.mark.parametrize(
    ("name", "exe", "cmdline", "told"),
    [
        ("node", NODE, "node server.js", "server.js (node)"),
        ("MainThread", NODE, "node server.js", "server.js (node)"),
        ("manage.py", PYTHON, "python3 ./manage.py runserver", "manage.py runserver (python)"),
        # As the kernel cuts it, in a history of before names were whole
        (
            "unattended-upgr",
            PYTHON,
            "python3 /bin/unattended-upgrade",
            "unattended-upgrade (python)",
        ),
        ("shop-api", PYTHON, "python3 /srv/shop/main.py", "shop-api"),
        ("shop-api", JAVA, "java -jar app.jar", "shop-api"),
    ],
)
def test_a_name_that_a_process_has_given_itself_is_shown(
    name: str, exe: str, cmdline: str, told: str
) -> None:
    assert title(name, exe, cmdline) == told


def test_an_executable_that_was_replaced_is_an_interpreter_still() -> None:
    assert title("node", NODE + " (deleted)", "node server.js") == "server.js (node)"


def test_quotation_marks_are_taken_off_the_words() -> None:
    argv = ["node", '/srv/it\'s "my" server.js']
    stored = program("node", NODE, "", argv).cmdline
    assert title("node", NODE, stored) == 'it\'s "my" server.js (node)'


def test_a_command_line_that_was_cut_within_quotation_marks_is_read_as_far_as_it_goes() -> None:
    stored = program("node", NODE, "", ["node", "a b " * 2000]).cmdline
    shown = title("node", NODE, stored)
    assert shown.startswith("a b a b")
    assert len(shown) == 120


def test_a_secret_is_not_part_of_a_title() -> None:
    stored = program("ruby", RUBY, "", ["worker", "--password", "hunter2"]).cmdline
    assert title("ruby", RUBY, stored) == "worker --password ***"


JAVA_SERVER = """
class Server {
    public static void main(String[] words) throws Exception {
        System.out.println();
        System.in.read();
    }
}
"""


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")
@pytest.mark.parametrize(
    ("command", "file", "text", "told"),
    [
        (["node"], "server.js", "console.log(); process.stdin.resume()", "server.js (node)"),
        (["perl", "-w"], "server.pl", "$| = 1; print qq(\n); <STDIN>;", "server.pl (perl)"),
        (["php"], "server.php", "<?php echo PHP_EOL; fgets(STDIN);", "server.php (php)"),
        (
            ["java", "-Xshare:auto"], "Server.java",
            JAVA_SERVER,
            "Server.java (java)",
        ),
        ([sys.executable, "-u"], "server.py", "print(); input()", "server.py (python)"),
    ],
)  # fmt: skip
def test_real_interpreters_are_told_by_their_scripts(
    tmp_path: Path, command: list[str], file: str, text: str, told: str
) -> None:
    if not shutil.which(command[0]):
        pytest.skip(f"{command[0]} is not installed")
    (tmp_path / file).write_text(text)
    reader = processes(0)
    process = subprocess.Popen(
        [*command, file], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=tmp_path
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"\n", "it has not started"
        started = reader.started_at(process.pid)
        assert started is not None
        found = reader.read(ProcessKey(process.pid, started))
        assert found is not None
        known = found.program
        assert title(known.name, known.exe, known.cmdline) == told
    finally:
        process.kill()
        process.communicate()


def identity(
    cmdline: str = "nginx -g daemon",
    exe: str = "/usr/sbin/nginx",
    name: str = "nginx",
    unit: str = "nginx.service",
    container: str = "",
    folder: str = "/",
) -> Identity:
    return Identity.of(name, exe, cmdline, unit, container, folder)


def shop(cmdline: str = "node server.js", **others: str) -> Identity:
    return identity(cmdline, **({"exe": NODE, "name": "node", "unit": "", "folder": "/a"} | others))


POD = "b4f3dfaf-f987-499d-a04c-2c60eb01958c"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (identity(), identity(cmdline="nginx -c /etc/other.conf")),
        (identity(), identity(exe="/usr/sbin/nginx (deleted)")),
        (identity(), identity(exe="")),
        (identity(), identity(folder="")),
        (identity(folder="/srv/a"), identity(folder="/srv/a (deleted)")),
        (shop(), shop("node --inspect server.js --port 80")),
        (
            shop(unit="app-gnome-code-4711.scope"),
            shop(unit="app-gnome-code-9.scope"),
        ),
        (shop(unit="run-u1.service"), shop(unit="run-r9.service")),
        (shop(unit="session-1.scope"), shop(unit="user@1000.service")),
        (
            identity(unit="", container=f"containerd:aa pod:{POD}"),
            identity(unit="", container=f"containerd:bb pod:{POD}"),
        ),
        (
            shop("/usr/bin/python3 /usr/bin/gunicorn shop.wsgi", exe=PYTHON, name="gunicorn"),
            shop("gunicorn: master '[shop.wsgi]'", exe=PYTHON, name="gunicorn: master [shop.wsgi]"),
        ),
        (
            shop("next-server '(v15.1.0)'", name="next-server (v15.1.0)"),
            shop("next-server '(v15.2.0)'", name="next-server (v15.2.0)"),
        ),
    ],
)
def test_a_program_that_was_started_again_is_the_same(one: Identity, other: Identity) -> None:
    assert one.is_same(other)
    assert other.is_same(one)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (shop(), shop(folder="/b")),
        (shop(), shop("node other.js")),
        (shop(), shop(exe="/opt/node/bin/node")),
        (shop("java -jar a.jar", exe=JAVA), shop("java -jar b.jar", exe=JAVA)),
        (
            shop("python3 /usr/bin/gunicorn shop.wsgi", exe=PYTHON),
            shop("python3 /usr/bin/gunicorn blog.wsgi", exe=PYTHON),
        ),
        (identity(), identity(unit="other.service")),
        (identity(unit="postgresql@15-main.service"), identity(unit="postgresql@16-main.service")),
        (identity(), identity(container="docker:aa")),
        (identity(container="docker:aa"), identity(container="docker:bb")),
        (identity(exe=""), identity(exe="", name="caddy")),
        (
            identity("httpd", "/bin/busybox", "httpd"),
            identity("telnetd", "/bin/busybox", "telnetd"),
        ),
    ],
)
def test_another_program_is_another(one: Identity, other: Identity) -> None:
    assert not one.is_same(other)
    assert not other.is_same(one)


def test_what_is_the_same_is_so_for_itself() -> None:
    assert shop().is_same(replace(shop()))
