CREATE TABLE "realmgate"."event_realms" (
	"event_id" text collate "C" NOT NULL,
	"realm_id" text collate "C" NOT NULL,
	CONSTRAINT "event_realms_event_id_realm_id_pk" PRIMARY KEY("event_id","realm_id")
);
--> statement-breakpoint
CREATE TABLE "realmgate"."events" (
	"id" text collate "C" PRIMARY KEY NOT NULL,
	"sequence" bigint GENERATED ALWAYS AS IDENTITY (sequence name "realmgate"."events_sequence_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"created_at" text collate "C" NOT NULL,
	"kind" text collate "C" NOT NULL,
	"code" text collate "C",
	"attempted" text collate "C",
	"actor_id" text collate "C",
	"actor_name" text collate "C",
	"token_id" text collate "C",
	"ip" text collate "C",
	"request_id" text collate "C",
	"realm_id" text collate "C",
	"resource_kind" text collate "C",
	"resource_id" text collate "C",
	"project_id" text collate "C",
	"owner_id" text collate "C",
	"fields" text collate "C" NOT NULL,
	"version_before" bigint,
	"version_after" bigint,
	CONSTRAINT "events_sequence_unique" UNIQUE("sequence")
);
--> statement-breakpoint
ALTER TABLE "realmgate"."users" ADD COLUMN "sequence" bigint NOT NULL GENERATED ALWAYS AS IDENTITY (sequence name "realmgate"."users_sequence_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1);--> statement-breakpoint
ALTER TABLE "realmgate"."users" ADD COLUMN "is_banned" boolean DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE "realmgate"."event_realms" ADD CONSTRAINT "event_realms_event_id_events_id_fk" FOREIGN KEY ("event_id") REFERENCES "realmgate"."events"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "events_by_time" ON "realmgate"."events" USING btree ("created_at");--> statement-breakpoint
CREATE INDEX "events_by_owner" ON "realmgate"."events" USING btree ("owner_id","created_at");--> statement-breakpoint
CREATE INDEX "events_by_project" ON "realmgate"."events" USING btree ("project_id","created_at");--> statement-breakpoint
CREATE INDEX "events_by_actor" ON "realmgate"."events" USING btree ("actor_id","created_at");--> statement-breakpoint
CREATE INDEX "events_by_resource" ON "realmgate"."events" USING btree ("resource_id","created_at");--> statement-breakpoint
ALTER TABLE "realmgate"."users" ADD CONSTRAINT "users_sequence_unique" UNIQUE("sequence");--> statement-breakpoint
CREATE FUNCTION "realmgate"."refuse_update"() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'events are never changed'; END $$;--> statement-breakpoint
CREATE TRIGGER "events_unchanged" BEFORE UPDATE ON "realmgate"."events" FOR EACH ROW EXECUTE FUNCTION "realmgate"."refuse_update"();