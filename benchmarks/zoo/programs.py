"""The programs: how each is configured, started, changed and ended."""

from benchmarks.zoo.steps import Program, Step, run, send, start, visit

_WSGI = """
def application(environ, start_response):
    start_response("200 OK", [])
    return [b"here"]
"""

NGINX = Program(
    "nginx",
    {"nginx": "nginx"},
    files={
        "nginx.conf": """
daemon on;
user www-data;
worker_processes 2;
pid $folder/nginx.pid;
error_log $folder/output;
events {}
http {
    access_log off;
    server { listen 127.0.0.1:$port; listen [::1]:$port; }
}
"""
    },
    steps=(
        Step("daemon on", run("$nginx -c $folder/nginx.conf"), sockets=2, holders=3),
        Step("reload (HUP)", send("HUP", "nginx.pid"), sockets=2, holders=3),
        Step("upgrade (USR2)", send("USR2", "nginx.pid"), sockets=2, holders=6),
        Step("the old one quits (QUIT)", send("QUIT", "nginx.pid.oldbin"), sockets=2, holders=3),
        Step("quit (QUIT)", send("QUIT", "nginx.pid"), sockets=0),
    ),
)

REDIS = Program(
    "redis",
    {"redis": "redis-server", "cli": "redis-cli"},
    steps=(
        Step(
            "--daemonize yes",
            run(
                "$redis --daemonize yes --bind 127.0.0.1 ::1 --port $port --dir $folder"
                " --pidfile $folder/redis.pid --logfile $folder/output"
            ),
            sockets=2,
        ),
        Step("BGSAVE", run("$cli -p $port bgsave"), sockets=2, changes=False),
        Step("CONFIG SET port", run("$cli -p $port config set port $port2"), sockets=2),
        Step("SHUTDOWN", run("$cli -p $port2 shutdown nosave"), sockets=0),
    ),
)

_HAPROXY_CONF = """
global
    user nobody
    group nogroup
    nbthread 2
defaults
    mode http
    timeout connect 5s
    timeout client 5s
    timeout server 5s
frontend shop
    bind 127.0.0.1:$port
    http-request return status 200
"""
_HAPROXY = "$haproxy -f $folder/haproxy.cfg -p $folder/haproxy.pid"

HAPROXY = Program(
    "haproxy -D",
    {"haproxy": "haproxy"},
    files={"haproxy.cfg": _HAPROXY_CONF},
    steps=(
        Step("-D", run(f"{_HAPROXY} -D")),
        Step("reload (-sf)", run(f"sh -c '{_HAPROXY} -D -sf $$(cat $folder/haproxy.pid)'")),
        Step("stop (USR1)", send("USR1", "haproxy.pid"), sockets=0),
    ),
)

HAPROXY_MASTER = Program(
    "haproxy -W",
    {"haproxy": "haproxy"},
    files={"haproxy.cfg": _HAPROXY_CONF},
    steps=(
        Step("-W -D", run(f"{_HAPROXY} -W -D")),
        Step("reload (USR2)", send("USR2", "haproxy.pid")),
        Step("stop (TERM)", send("TERM", "haproxy.pid"), sockets=0),
    ),
)

DNSMASQ = Program(
    "dnsmasq",
    {"dnsmasq": "dnsmasq"},
    files={
        "dnsmasq.conf": """
port=$port
listen-address=127.0.0.1,::1
bind-interfaces
no-resolv
no-hosts
user=nobody
pid-file=$folder/dnsmasq.pid
log-facility=$folder/output
"""
    },
    steps=(
        Step("daemon", run("$dnsmasq -C $folder/dnsmasq.conf"), sockets=4),
        Step("reload (HUP)", send("HUP", "dnsmasq.pid"), sockets=4, changes=False),
        Step("stop (TERM)", send("TERM", "dnsmasq.pid"), sockets=0),
    ),
)

_PG = "$pg_ctl -D $folder/data -l $folder/log -w -t 50"

POSTGRESQL = Program(
    "postgresql",
    {
        "initdb": "/usr/lib/postgresql/*/bin/initdb",
        "pg_ctl": "/usr/lib/postgresql/*/bin/pg_ctl",
    },
    user="postgres",
    prepare=("$initdb -D $folder/data -A trust --no-sync",),
    steps=(
        Step(
            "pg_ctl start",
            run(f"{_PG} -o '-p $port -k $folder -c listen_addresses=127.0.0.1,::1' start"),
            sockets=2,
        ),
        Step("a client connects", visit, sockets=2, changes=False),
        Step("pg_ctl reload", run(f"{_PG} reload"), sockets=2, changes=False),
        Step("pg_ctl restart", run(f"{_PG} -m fast restart"), sockets=2),
        Step("pg_ctl stop", run(f"{_PG} -m fast stop"), sockets=0),
    ),
)

SSHD = Program(
    "sshd",
    {"sshd": "sshd", "keygen": "ssh-keygen"},
    files={
        "sshd_config": """
ListenAddress 127.0.0.1
ListenAddress ::1
Port $port
HostKey $folder/key
PidFile $folder/sshd.pid
UsePAM no
"""
    },
    # sshd's folder for privilege separation, which Debian's own start of sshd makes as well.
    prepare=("mkdir -p -m 0755 /run/sshd", "$keygen -q -t ed25519 -N '' -f $folder/key"),
    steps=(
        Step("daemon", run("$sshd -f $folder/sshd_config -E $folder/output"), sockets=2),
        Step("a client connects", visit, sockets=2),
        Step("reload (HUP)", send("HUP", "sshd.pid"), sockets=2),
        Step("stop (TERM)", send("TERM", "sshd.pid"), sockets=0),
    ),
)

_APACHE = "$apache -f $folder/apache.conf -k"

APACHE = Program(
    "apache prefork",
    {"apache": "apache2", "prefork": "/usr/lib/apache2/modules/mod_mpm_prefork.so"},
    files={
        "apache.conf": """
ServerName localhost
ServerRoot $folder
PidFile $folder/apache.pid
ErrorLog $folder/output
LoadModule mpm_prefork_module $prefork
Mutex file:$folder
User www-data
Group www-data
StartServers 2
MinSpareServers 2
MaxSpareServers 2
Listen 127.0.0.1:$port
"""
    },
    steps=(
        Step("start", run(f"{_APACHE} start"), holders=3),
        Step("graceful", run(f"{_APACHE} graceful"), holders=3),
        Step("restart", run(f"{_APACHE} restart"), holders=3),
        Step("stop", run(f"{_APACHE} stop"), sockets=0),
    ),
)

PHP_FPM = Program(
    "php-fpm",
    {"fpm": "/usr/sbin/php-fpm*"},
    files={
        "fpm.conf": """
[global]
pid = $folder/fpm.pid
error_log = $folder/output
daemonize = yes
[www]
user = www-data
group = www-data
listen = 127.0.0.1:$port
pm = static
pm.max_children = 2
"""
    },
    steps=(
        Step("daemonize", run("$fpm -y $folder/fpm.conf"), holders=3),
        Step("reload (USR2)", send("USR2", "fpm.pid"), holders=3),
        Step("quit (QUIT)", send("QUIT", "fpm.pid"), sockets=0),
    ),
)

GUNICORN = Program(
    "gunicorn",
    {"gunicorn": "gunicorn"},
    files={"shop.py": _WSGI},
    steps=(
        Step(
            "--daemon",
            run(
                "$gunicorn --daemon -b 127.0.0.1:$port -w 2 -u www-data -p $folder/gunicorn.pid"
                " --log-file $folder/output shop:application"
            ),
            holders=3,
        ),
        Step("reload (HUP)", send("HUP", "gunicorn.pid"), holders=3),
        Step("upgrade (USR2)", send("USR2", "gunicorn.pid"), holders=6),
        Step("the old one ends (TERM)", send("TERM", "gunicorn.pid"), holders=3),
        Step("end (TERM)", send("TERM", "gunicorn.pid"), sockets=0),
    ),
)

UWSGI = Program(
    "uwsgi",
    {"uwsgi": "uwsgi", "plugin": "/usr/lib/uwsgi/plugins/python3_plugin.so"},
    files={"shop.py": _WSGI},
    steps=(
        Step(
            "--daemonize",
            run(
                "$uwsgi --plugin $plugin --http-socket 127.0.0.1:$port --wsgi-file shop.py --master"
                " --processes 2 --uid www-data --gid www-data --auto-procname"
                " --pidfile $folder/uwsgi.pid --daemonize $folder/output"
            ),
            holders=3,
        ),
        Step("reload (HUP)", send("HUP", "uwsgi.pid"), holders=3),
        Step("stop (INT)", send("INT", "uwsgi.pid"), sockets=0),
    ),
)

NODE = Program(
    "node with a title",
    {"node": "node"},
    files={
        "server.js": """
process.on('SIGUSR2', () => { process.title = 'shop: ready'; });
require('http').createServer((_, answer) => answer.end('here')).listen($port, '127.0.0.1');
"""
    },
    steps=(
        Step("start", start("$node --inspect-port=127.0.0.1:$port2 $folder/server.js")),
        Step("sets its title", send("USR2")),
        Step("opens its debugger (USR1)", send("USR1"), sockets=2),
        Step("end (TERM)", send("TERM"), sockets=0),
    ),
)

_JAVA = """
import java.net.*;

public class Inventory {
    public static void main(String[] arguments) throws Exception {
        int port = Integer.parseInt(arguments[0]);
        ServerSocket server = new ServerSocket(port, 50, InetAddress.getByName("127.0.0.1"));
        while (true) server.accept().close();
    }
}
"""

JAVA_FILE = Program(
    "java, one source file",
    {"java": "java", "javac": "javac"},
    files={"Inventory.java": _JAVA},
    steps=(
        Step("java Inventory.java", start("$java $folder/Inventory.java $port")),
        Step("end (TERM)", send("TERM"), sockets=0),
    ),
)

JAVA_CLASS = Program(
    "java, a class",
    {"java": "java", "javac": "javac"},
    files={"Inventory.java": _JAVA},
    prepare=("$javac -d $folder $folder/Inventory.java",),
    steps=(
        Step("java Inventory", start("$java -cp $folder Inventory $port")),
        Step("end (TERM)", send("TERM"), sockets=0),
    ),
)

SOCKET_ACTIVATE = Program(
    "systemd-socket-activate",
    {"activate": "systemd-socket-activate"},
    files={
        "server.py": """
import socket

with socket.socket(fileno=3) as server:
    while True:
        server.accept()
"""
    },
    steps=(
        Step("listens", start("$activate -l 127.0.0.1:$port $python $folder/server.py")),
        Step("a client connects: exec", visit),
        Step("end (TERM)", send("TERM"), sockets=0),
    ),
)

MEMCACHED = Program(
    "memcached",
    {"memcached": "memcached"},
    steps=(
        Step(
            "-d",
            run(
                "$memcached -d -u nobody -l 127.0.0.1 -p $port -U $port2 -t 2"
                " -P $folder/memcached.pid"
            ),
            sockets=2,
        ),
        Step("end (TERM)", send("TERM", "memcached.pid"), sockets=0),
    ),
)

HTTP_SERVER = Program(
    "python http.server",
    {},
    steps=(
        Step("start", start("$python -m http.server $port --bind 127.0.0.1 -d $folder")),
        Step("end (TERM)", send("TERM"), sockets=0),
    ),
)

PROGRAMS = (
    NGINX,
    REDIS,
    HAPROXY,
    HAPROXY_MASTER,
    DNSMASQ,
    POSTGRESQL,
    SSHD,
    APACHE,
    PHP_FPM,
    GUNICORN,
    UWSGI,
    NODE,
    JAVA_FILE,
    JAVA_CLASS,
    SOCKET_ACTIVATE,
    MEMCACHED,
    HTTP_SERVER,
)
