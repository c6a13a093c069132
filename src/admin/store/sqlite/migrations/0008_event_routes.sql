ALTER TABLE `events` ADD `method` text;--> statement-breakpoint
ALTER TABLE `events` ADD `path` text;--> statement-breakpoint
ALTER TABLE `events` ADD `status` integer;