CREATE TABLE `changes` (
	`revision` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`kind` text NOT NULL,
	`entity_id` text NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `changes_by_entity` ON `changes` (`kind`,`entity_id`);--> statement-breakpoint
CREATE TABLE `container_realms` (
	`container_id` text NOT NULL,
	`realm_id` text NOT NULL,
	PRIMARY KEY(`container_id`, `realm_id`),
	FOREIGN KEY (`container_id`) REFERENCES `containers`(`id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE INDEX `container_realms_by_realm` ON `container_realms` (`realm_id`);--> statement-breakpoint
CREATE TABLE `containers` (
	`id` text PRIMARY KEY NOT NULL,
	`project_id` text NOT NULL,
	`server_id` text NOT NULL,
	`name` text NOT NULL,
	`color` text NOT NULL,
	`status` text NOT NULL,
	`comment` text,
	`address` text,
	`programs` text NOT NULL,
	`created_at` text NOT NULL,
	`updated_at` text NOT NULL,
	FOREIGN KEY (`project_id`) REFERENCES `projects`(`id`) ON UPDATE no action ON DELETE cascade,
	FOREIGN KEY (`server_id`) REFERENCES `servers`(`id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE UNIQUE INDEX `containers_by_name` ON `containers` (`project_id`,`name`);--> statement-breakpoint
CREATE TABLE `documents` (
	`kind` text NOT NULL,
	`owner_id` text NOT NULL,
	`version` integer NOT NULL,
	`enable_proxy` integer NOT NULL,
	`body` blob,
	PRIMARY KEY(`kind`, `owner_id`)
);
--> statement-breakpoint
CREATE TABLE `project_realms` (
	`project_id` text NOT NULL,
	`realm_id` text NOT NULL,
	PRIMARY KEY(`project_id`, `realm_id`),
	FOREIGN KEY (`project_id`) REFERENCES `projects`(`id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE INDEX `project_realms_by_realm` ON `project_realms` (`realm_id`);--> statement-breakpoint
CREATE TABLE `projects` (
	`id` text PRIMARY KEY NOT NULL,
	`user_id` text NOT NULL,
	`alias` text NOT NULL,
	`color` text NOT NULL,
	`max_containers` integer,
	`created_at` text NOT NULL,
	`updated_at` text NOT NULL,
	FOREIGN KEY (`user_id`) REFERENCES `users`(`id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE INDEX `projects_by_user` ON `projects` (`user_id`,`created_at`);--> statement-breakpoint
CREATE TABLE `servers` (
	`id` text PRIMARY KEY NOT NULL,
	`name` text NOT NULL,
	`created_at` text NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `servers_name_unique` ON `servers` (`name`);--> statement-breakpoint
CREATE TABLE `users` (
	`id` text PRIMARY KEY NOT NULL,
	`username` text NOT NULL,
	`email` text,
	`password_hash` text NOT NULL,
	`is_admin` integer NOT NULL,
	`session_generation` integer NOT NULL,
	`created_at` text NOT NULL,
	`updated_at` text NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `users_username_unique` ON `users` (`username`);--> statement-breakpoint
CREATE UNIQUE INDEX `users_email_unique` ON `users` (`email`);