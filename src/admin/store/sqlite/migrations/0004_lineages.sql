CREATE TABLE `lineages` (
	`from_revision` integer PRIMARY KEY NOT NULL,
	`tag` text NOT NULL
);
