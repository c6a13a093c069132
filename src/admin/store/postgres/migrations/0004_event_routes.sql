ALTER TABLE "realmgate"."events" ADD COLUMN "method" text collate "C";--> statement-breakpoint
ALTER TABLE "realmgate"."events" ADD COLUMN "path" text collate "C";--> statement-breakpoint
ALTER TABLE "realmgate"."events" ADD COLUMN "status" integer;