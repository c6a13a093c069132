ALTER TABLE `tokens` ADD `public_key_at` text;--> statement-breakpoint
UPDATE `tokens` SET `public_key_at` = `created_at` WHERE `public_key` IS NOT NULL;