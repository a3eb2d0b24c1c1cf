-- Distributes a fleet's tables over the workers of Citus: run it on the coordinator, as a superuser,
-- after porteye fleet init and before a host ships. docs/fleet-server.md says what to expect.
-- NOT TRIED: no Citus has run this, nor the functions hello and apply on what it makes. A test
-- compares it with the catalogue alone.
--   psql fleet --single-transaction --variable ON_ERROR_STOP=1 --file deploy/citus.sql

CREATE EXTENSION IF NOT EXISTS citus;

-- Whole on each worker: what rows of every host refer to.
SELECT create_reference_table('fleet.host');
SELECT create_reference_table('fleet.program');
SELECT create_reference_table('fleet.fold');
SELECT create_reference_table('fleet.setting');

-- The rows of a host, all of them on one worker. A partitioned table is distributed with its partitions.
SELECT create_distributed_table('fleet.stream', 'host_id');
SELECT create_distributed_table('fleet.machine', 'host_id', colocate_with => 'fleet.stream');
SELECT create_distributed_table('fleet.host_program', 'host_id', colocate_with => 'fleet.stream');
SELECT create_distributed_table('fleet.container', 'host_id', colocate_with => 'fleet.stream');
SELECT create_distributed_table('fleet.process', 'host_id', colocate_with => 'fleet.stream');
SELECT create_distributed_table('fleet.open_listener', 'host_id', colocate_with => 'fleet.stream');
SELECT create_distributed_table('fleet.life', 'host_id', colocate_with => 'fleet.stream');
SELECT create_distributed_table('fleet.further_holder', 'host_id', colocate_with => 'fleet.stream');
SELECT create_distributed_table('fleet.former', 'host_id', colocate_with => 'fleet.stream');
SELECT create_distributed_table('fleet.event', 'host_id', colocate_with => 'fleet.stream');
SELECT create_distributed_table('fleet.watch', 'host_id', colocate_with => 'fleet.stream');
SELECT create_distributed_table('fleet.tick', 'host_id', colocate_with => 'fleet.stream');
SELECT create_distributed_table('fleet.rollup', 'host_id', colocate_with => 'fleet.stream');
SELECT create_distributed_table('fleet.turnover', 'host_id', colocate_with => 'fleet.stream');
SELECT create_distributed_table('fleet.activity', 'host_id', colocate_with => 'fleet.stream');
SELECT create_distributed_table('fleet.host_address', 'host_id', colocate_with => 'fleet.stream');

-- The coordinator's own: counts over all hosts, and batches for the length of their transaction.
SELECT citus_add_local_table_to_metadata('fleet.fleet_first');
SELECT citus_add_local_table_to_metadata('fleet.fleet_turnover');
SELECT citus_add_local_table_to_metadata('fleet.fleet_port_turnover');
SELECT citus_add_local_table_to_metadata('fleet.fleet_port_most');
SELECT citus_add_local_table_to_metadata('fleet.fleet_service');
SELECT citus_add_local_table_to_metadata('fleet.inbox_program');
SELECT citus_add_local_table_to_metadata('fleet.inbox_process');
SELECT citus_add_local_table_to_metadata('fleet.inbox_listener');
SELECT citus_add_local_table_to_metadata('fleet.inbox_event');
SELECT citus_add_local_table_to_metadata('fleet.inbox_rollup');
SELECT citus_add_local_table_to_metadata('fleet.step');
