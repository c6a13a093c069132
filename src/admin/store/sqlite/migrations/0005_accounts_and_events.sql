CREATE TABLE `event_realms` (
	`event_id` text NOT NULL,
	`realm_id` text NOT NULL,
	PRIMARY KEY(`event_id`, `realm_id`),
	FOREIGN KEY (`event_id`) REFERENCES `events`(`id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE TABLE `events` (
	`id` text PRIMARY KEY NOT NULL,
	`created_at` text NOT NULL,
	`kind` text NOT NULL,
	`code` text,
	`attempted` text,
	`actor_id` text,
	`actor_name` text,
	`token_id` text,
	`ip` text,
	`request_id` text,
	`realm_id` text,
	`resource_kind` text,
	`resource_id` text,
	`project_id` text,
	`owner_id` text,
	`fields` text NOT NULL,
	`version_before` integer,
	`version_after` integer
);
--> statement-breakpoint
CREATE INDEX `events_by_time` ON `events` (`created_at`);--> statement-breakpoint
CREATE INDEX `events_by_owner` ON `events` (`owner_id`,`created_at`);--> statement-breakpoint
CREATE INDEX `events_by_project` ON `events` (`project_id`,`created_at`);--> statement-breakpoint
CREATE INDEX `events_by_actor` ON `events` (`actor_id`,`created_at`);--> statement-breakpoint
CREATE INDEX `events_by_resource` ON `events` (`resource_id`,`created_at`);--> statement-breakpoint
ALTER TABLE `users` ADD `is_banned` integer DEFAULT false NOT NULL;--> statement-breakpoint
CREATE TRIGGER `events_unchanged` BEFORE UPDATE ON `events` BEGIN SELECT RAISE(ABORT, 'events are never changed'); END;