"""Many hosts in one PostgreSQL; needs psycopg, which nothing else of PortEye imports."""
