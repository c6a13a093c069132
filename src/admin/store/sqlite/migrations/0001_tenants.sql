CREATE TABLE `aliases` (
	`id` text PRIMARY KEY NOT NULL,
	`container_id` text NOT NULL,
	`server_id` text NOT NULL,
	`user_id` text NOT NULL,
	`alias` text NOT NULL,
	`program` text NOT NULL,
	`instance` integer NOT NULL,
	`target_path` text,
	`allow_path_override` integer NOT NULL,
	`expires_at` text,
	`enabled` integer NOT NULL,
	`created_at` text NOT NULL,
	`updated_at` text NOT NULL,
	FOREIGN KEY (`container_id`) REFERENCES `containers`(`id`) ON UPDATE no action ON DELETE cascade,
	FOREIGN KEY (`server_id`) REFERENCES `servers`(`id`) ON UPDATE no action ON DELETE no action,
	FOREIGN KEY (`user_id`) REFERENCES `users`(`id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE UNIQUE INDEX `aliases_by_server` ON `aliases` (`server_id`,`alias`);--> statement-breakpoint
CREATE UNIQUE INDEX `aliases_by_user` ON `aliases` (`user_id`,`alias`);--> statement-breakpoint
CREATE INDEX `aliases_by_container` ON `aliases` (`container_id`);--> statement-breakpoint
CREATE TABLE `logins` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`user_id` text NOT NULL,
	`ip` text NOT NULL,
	`at` text NOT NULL,
	FOREIGN KEY (`user_id`) REFERENCES `users`(`id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE INDEX `logins_by_user` ON `logins` (`user_id`,`id`);--> statement-breakpoint
CREATE TABLE `members` (
	`id` text PRIMARY KEY NOT NULL,
	`project_id` text NOT NULL,
	`user_id` text NOT NULL,
	`level` integer NOT NULL,
	`created_at` text NOT NULL,
	`updated_at` text NOT NULL,
	FOREIGN KEY (`project_id`) REFERENCES `projects`(`id`) ON UPDATE no action ON DELETE cascade,
	FOREIGN KEY (`user_id`) REFERENCES `users`(`id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE UNIQUE INDEX `members_by_project` ON `members` (`project_id`,`user_id`);--> statement-breakpoint
CREATE INDEX `members_by_user` ON `members` (`user_id`);--> statement-breakpoint
CREATE TABLE `status_logs` (
	`id` text PRIMARY KEY NOT NULL,
	`container_id` text NOT NULL,
	`from_status` text,
	`to_status` text NOT NULL,
	`transition_time` text NOT NULL,
	`duration_ms` integer,
	`triggered_by` text NOT NULL,
	`operation` text,
	FOREIGN KEY (`container_id`) REFERENCES `containers`(`id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE INDEX `status_logs_by_container` ON `status_logs` (`container_id`,`transition_time`);--> statement-breakpoint
CREATE TABLE `token_realms` (
	`token_id` text NOT NULL,
	`realm_id` text NOT NULL,
	PRIMARY KEY(`token_id`, `realm_id`),
	FOREIGN KEY (`token_id`) REFERENCES `tokens`(`id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE INDEX `token_realms_by_realm` ON `token_realms` (`realm_id`);--> statement-breakpoint
CREATE TABLE `tokens` (
	`id` text PRIMARY KEY NOT NULL,
	`user_id` text NOT NULL,
	`secret_hash` blob NOT NULL,
	`alias` text NOT NULL,
	`public_key` text,
	`public_storage` text,
	`ip_whitelist` text NOT NULL,
	`permissions` text NOT NULL,
	`allow_no_realm` integer NOT NULL,
	`vault_access` integer NOT NULL,
	`event_access` integer NOT NULL,
	`expires_at` text,
	`is_enabled` integer NOT NULL,
	`created_by_token_id` text,
	`delegation_depth` integer NOT NULL,
	`last_used_at` text,
	`last_used_ip` text,
	`created_at` text NOT NULL,
	`updated_at` text NOT NULL,
	FOREIGN KEY (`user_id`) REFERENCES `users`(`id`) ON UPDATE no action ON DELETE cascade,
	FOREIGN KEY (`created_by_token_id`) REFERENCES `tokens`(`id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE UNIQUE INDEX `tokens_secret_hash_unique` ON `tokens` (`secret_hash`);--> statement-breakpoint
CREATE INDEX `tokens_by_user` ON `tokens` (`user_id`,`created_at`);--> statement-breakpoint
CREATE INDEX `tokens_by_maker` ON `tokens` (`created_by_token_id`);--> statement-breakpoint
CREATE INDEX `tokens_by_public_key` ON `tokens` (`public_key`);--> statement-breakpoint
DROP INDEX `containers_by_name`;--> statement-breakpoint
CREATE INDEX `containers_by_name` ON `containers` (`project_id`,`name`);--> statement-breakpoint
ALTER TABLE `documents` ADD `hooks` blob;--> statement-breakpoint
ALTER TABLE `projects` ADD `is_default` integer DEFAULT false NOT NULL;--> statement-breakpoint
CREATE INDEX `projects_by_alias` ON `projects` (`user_id`,`alias`);--> statement-breakpoint
ALTER TABLE `users` ADD `alias` text;--> statement-breakpoint
ALTER TABLE `users` ADD `public_key` text;--> statement-breakpoint
ALTER TABLE `users` ADD `metadata` text DEFAULT '{}' NOT NULL;