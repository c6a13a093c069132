CREATE UNLOGGED TABLE "realmgate"."limits" (
	"key" text collate "C" PRIMARY KEY NOT NULL,
	"used" double precision NOT NULL,
	"since" double precision NOT NULL,
	"until" double precision NOT NULL
);
--> statement-breakpoint
CREATE TABLE "realmgate"."node_processes" (
	"node_id" text collate "C" NOT NULL,
	"process" text collate "C" NOT NULL,
	"boot" text collate "C" NOT NULL,
	"version" text collate "C" NOT NULL,
	"servers" text collate "C" NOT NULL,
	"enforced_revision" bigint NOT NULL,
	"enforced_lineage" text collate "C" NOT NULL,
	"heard_at" text collate "C" NOT NULL,
	"listeners" text collate "C" NOT NULL,
	"program_ports" text collate "C" NOT NULL,
	CONSTRAINT "node_processes_node_id_process_pk" PRIMARY KEY("node_id","process")
);
--> statement-breakpoint
CREATE TABLE "realmgate"."nodes" (
	"id" text collate "C" PRIMARY KEY NOT NULL,
	"name" text collate "C" NOT NULL,
	"role" text collate "C" NOT NULL,
	"servers" text collate "C" NOT NULL,
	"token_hash" "bytea" NOT NULL,
	"created_at" text collate "C" NOT NULL,
	CONSTRAINT "nodes_name_unique" UNIQUE("name"),
	CONSTRAINT "nodes_token_hash_unique" UNIQUE("token_hash")
);
--> statement-breakpoint
ALTER TABLE "realmgate"."changes" ADD COLUMN "server_id" text collate "C";--> statement-breakpoint
ALTER TABLE "realmgate"."changes" ADD COLUMN "project_id" text collate "C";--> statement-breakpoint
ALTER TABLE "realmgate"."node_processes" ADD CONSTRAINT "node_processes_node_id_nodes_id_fk" FOREIGN KEY ("node_id") REFERENCES "realmgate"."nodes"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "limits_by_until" ON "realmgate"."limits" USING btree ("until");--> statement-breakpoint
CREATE INDEX "changes_by_server" ON "realmgate"."changes" USING btree ("server_id","revision");--> statement-breakpoint
CREATE INDEX "changes_by_project" ON "realmgate"."changes" USING btree ("project_id","server_id");--> statement-breakpoint
UPDATE "realmgate"."changes" SET "server_id" = "containers"."server_id", "project_id" = "containers"."project_id" FROM "realmgate"."containers" WHERE "changes"."kind" = 'container' AND "containers"."id" = "changes"."entity_id";