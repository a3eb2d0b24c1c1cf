"""A shipper as many are written: it keeps its cursor in a file of its own. Arguments: the database,
the file of the cursor, the address of the server, whose table `naive` takes numbers of events."""

import sqlite3
import sys
import time
from contextlib import closing
from pathlib import Path

import psycopg

if __name__ == "__main__":
    db, cursor, address = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
    while True:
        try:
            with psycopg.connect(address) as server, closing(sqlite3.connect(db)) as own:
                while True:
                    since = int(cursor.read_text()) if cursor.exists() else 0
                    rows = own.execute(
                        "SELECT id FROM event WHERE id > ? ORDER BY id LIMIT 50", (since,)
                    ).fetchall()
                    for (number,) in rows:
                        server.execute("INSERT INTO naive VALUES (%s)", (number,))
                    server.commit()
                    if rows:
                        cursor.write_text(str(rows[-1][0]))
                    time.sleep(0.02)
        except (psycopg.Error, sqlite3.Error):
            time.sleep(0.1)
