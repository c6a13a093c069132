CREATE TABLE `node_processes` (
	`node_id` text NOT NULL,
	`process` text NOT NULL,
	`boot` text NOT NULL,
	`version` text NOT NULL,
	`servers` text NOT NULL,
	`enforced_revision` integer NOT NULL,
	`enforced_lineage` text NOT NULL,
	`heard_at` text NOT NULL,
	`listeners` text NOT NULL,
	`program_ports` text NOT NULL,
	PRIMARY KEY(`node_id`, `process`),
	FOREIGN KEY (`node_id`) REFERENCES `nodes`(`id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE TABLE `nodes` (
	`id` text PRIMARY KEY NOT NULL,
	`name` text NOT NULL,
	`role` text NOT NULL,
	`servers` text NOT NULL,
	`token_hash` blob NOT NULL,
	`created_at` text NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `nodes_name_unique` ON `nodes` (`name`);--> statement-breakpoint
CREATE UNIQUE INDEX `nodes_token_hash_unique` ON `nodes` (`token_hash`);