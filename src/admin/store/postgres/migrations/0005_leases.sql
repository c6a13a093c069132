ALTER TABLE "realmgate"."node_processes" ADD COLUMN "lease_ms" bigint;--> statement-breakpoint
ALTER TABLE "realmgate"."node_processes" ADD COLUMN "addresses" text collate "C";--> statement-breakpoint
ALTER TABLE "realmgate"."node_processes" ADD COLUMN "container_networks" text collate "C";