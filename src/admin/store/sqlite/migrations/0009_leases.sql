ALTER TABLE `node_processes` ADD `lease_ms` integer;--> statement-breakpoint
ALTER TABLE `node_processes` ADD `addresses` text;--> statement-breakpoint
ALTER TABLE `node_processes` ADD `container_networks` text;