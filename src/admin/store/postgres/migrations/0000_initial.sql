CREATE SCHEMA IF NOT EXISTS "realmgate";
--> statement-breakpoint
CREATE TABLE "realmgate"."aliases" (
	"id" text collate "C" PRIMARY KEY NOT NULL,
	"sequence" bigint GENERATED ALWAYS AS IDENTITY (sequence name "realmgate"."aliases_sequence_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"container_id" text collate "C" NOT NULL,
	"server_id" text collate "C" NOT NULL,
	"user_id" text collate "C" NOT NULL,
	"alias" text collate "C" NOT NULL,
	"program" text collate "C" NOT NULL,
	"instance" integer NOT NULL,
	"sealed_target" "bytea",
	"allow_path_override" boolean NOT NULL,
	"expires_at" text collate "C",
	"enabled" boolean NOT NULL,
	"created_at" text collate "C" NOT NULL,
	"updated_at" text collate "C" NOT NULL,
	CONSTRAINT "aliases_sequence_unique" UNIQUE("sequence")
);
--> statement-breakpoint
CREATE TABLE "realmgate"."changes" (
	"revision" bigint PRIMARY KEY NOT NULL,
	"kind" text collate "C" NOT NULL,
	"entity_id" text collate "C" NOT NULL
);
--> statement-breakpoint
CREATE TABLE "realmgate"."container_realms" (
	"container_id" text collate "C" NOT NULL,
	"realm_id" text collate "C" NOT NULL,
	CONSTRAINT "container_realms_container_id_realm_id_pk" PRIMARY KEY("container_id","realm_id")
);
--> statement-breakpoint
CREATE TABLE "realmgate"."containers" (
	"id" text collate "C" PRIMARY KEY NOT NULL,
	"sequence" bigint GENERATED ALWAYS AS IDENTITY (sequence name "realmgate"."containers_sequence_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"project_id" text collate "C" NOT NULL,
	"server_id" text collate "C" NOT NULL,
	"name" text collate "C" NOT NULL,
	"color" text collate "C" NOT NULL,
	"status" text collate "C" NOT NULL,
	"comment" text collate "C",
	"address" text collate "C",
	"programs" text collate "C" NOT NULL,
	"created_at" text collate "C" NOT NULL,
	"updated_at" text collate "C" NOT NULL,
	CONSTRAINT "containers_sequence_unique" UNIQUE("sequence")
);
--> statement-breakpoint
CREATE TABLE "realmgate"."documents" (
	"kind" text collate "C" NOT NULL,
	"owner_id" text collate "C" NOT NULL,
	"version" integer NOT NULL,
	"enable_proxy" boolean NOT NULL,
	"body" "bytea",
	"hooks" "bytea",
	CONSTRAINT "documents_kind_owner_id_pk" PRIMARY KEY("kind","owner_id")
);
--> statement-breakpoint
CREATE TABLE "realmgate"."lineages" (
	"from_revision" bigint PRIMARY KEY NOT NULL,
	"tag" text collate "C" NOT NULL,
	"source" text collate "C" NOT NULL
);
--> statement-breakpoint
CREATE TABLE "realmgate"."logins" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "realmgate"."logins_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"user_id" text collate "C" NOT NULL,
	"ip" text collate "C" NOT NULL,
	"at" text collate "C" NOT NULL
);
--> statement-breakpoint
CREATE TABLE "realmgate"."members" (
	"id" text collate "C" PRIMARY KEY NOT NULL,
	"sequence" bigint GENERATED ALWAYS AS IDENTITY (sequence name "realmgate"."members_sequence_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"project_id" text collate "C" NOT NULL,
	"user_id" text collate "C" NOT NULL,
	"level" integer NOT NULL,
	"created_at" text collate "C" NOT NULL,
	"updated_at" text collate "C" NOT NULL,
	CONSTRAINT "members_sequence_unique" UNIQUE("sequence")
);
--> statement-breakpoint
CREATE TABLE "realmgate"."project_realms" (
	"project_id" text collate "C" NOT NULL,
	"realm_id" text collate "C" NOT NULL,
	CONSTRAINT "project_realms_project_id_realm_id_pk" PRIMARY KEY("project_id","realm_id")
);
--> statement-breakpoint
CREATE TABLE "realmgate"."projects" (
	"id" text collate "C" PRIMARY KEY NOT NULL,
	"sequence" bigint GENERATED ALWAYS AS IDENTITY (sequence name "realmgate"."projects_sequence_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"user_id" text collate "C" NOT NULL,
	"alias" text collate "C" NOT NULL,
	"color" text collate "C" NOT NULL,
	"max_containers" integer,
	"is_default" boolean DEFAULT false NOT NULL,
	"created_at" text collate "C" NOT NULL,
	"updated_at" text collate "C" NOT NULL,
	CONSTRAINT "projects_sequence_unique" UNIQUE("sequence")
);
--> statement-breakpoint
CREATE TABLE "realmgate"."revisions" (
	"one" boolean PRIMARY KEY NOT NULL,
	"value" bigint NOT NULL,
	"min_version" integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE "realmgate"."secret_key" (
	"one" boolean PRIMARY KEY NOT NULL,
	"sealed" "bytea" NOT NULL
);
--> statement-breakpoint
CREATE TABLE "realmgate"."servers" (
	"id" text collate "C" PRIMARY KEY NOT NULL,
	"name" text collate "C" NOT NULL,
	"created_at" text collate "C" NOT NULL,
	CONSTRAINT "servers_name_unique" UNIQUE("name")
);
--> statement-breakpoint
CREATE TABLE "realmgate"."status_logs" (
	"id" text collate "C" PRIMARY KEY NOT NULL,
	"sequence" bigint GENERATED ALWAYS AS IDENTITY (sequence name "realmgate"."status_logs_sequence_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"container_id" text collate "C" NOT NULL,
	"from_status" text collate "C",
	"to_status" text collate "C" NOT NULL,
	"transition_time" text collate "C" NOT NULL,
	"duration_ms" bigint,
	"triggered_by" text collate "C" NOT NULL,
	"operation" text collate "C",
	CONSTRAINT "status_logs_sequence_unique" UNIQUE("sequence")
);
--> statement-breakpoint
CREATE TABLE "realmgate"."token_realms" (
	"token_id" text collate "C" NOT NULL,
	"realm_id" text collate "C" NOT NULL,
	CONSTRAINT "token_realms_token_id_realm_id_pk" PRIMARY KEY("token_id","realm_id")
);
--> statement-breakpoint
CREATE TABLE "realmgate"."tokens" (
	"id" text collate "C" PRIMARY KEY NOT NULL,
	"sequence" bigint GENERATED ALWAYS AS IDENTITY (sequence name "realmgate"."tokens_sequence_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"user_id" text collate "C" NOT NULL,
	"secret_hash" "bytea" NOT NULL,
	"alias" text collate "C" NOT NULL,
	"public_key" text collate "C",
	"public_key_at" text collate "C",
	"public_storage" text collate "C",
	"ip_whitelist" text collate "C" NOT NULL,
	"permissions" text collate "C" NOT NULL,
	"allow_no_realm" boolean NOT NULL,
	"vault_access" boolean NOT NULL,
	"event_access" boolean NOT NULL,
	"expires_at" text collate "C",
	"is_enabled" boolean NOT NULL,
	"created_by_token_id" text collate "C",
	"delegation_depth" integer NOT NULL,
	"last_used_at" text collate "C",
	"last_used_ip" text collate "C",
	"created_at" text collate "C" NOT NULL,
	"updated_at" text collate "C" NOT NULL,
	CONSTRAINT "tokens_sequence_unique" UNIQUE("sequence"),
	CONSTRAINT "tokens_secret_hash_unique" UNIQUE("secret_hash")
);
--> statement-breakpoint
CREATE TABLE "realmgate"."users" (
	"id" text collate "C" PRIMARY KEY NOT NULL,
	"username" text collate "C" NOT NULL,
	"email" text collate "C",
	"password_hash" text collate "C" NOT NULL,
	"is_admin" boolean NOT NULL,
	"session_generation" integer NOT NULL,
	"alias" text collate "C",
	"public_key" text collate "C",
	"metadata" text collate "C" DEFAULT '{}' NOT NULL,
	"created_at" text collate "C" NOT NULL,
	"updated_at" text collate "C" NOT NULL,
	CONSTRAINT "users_username_unique" UNIQUE("username"),
	CONSTRAINT "users_email_unique" UNIQUE("email")
);
--> statement-breakpoint
ALTER TABLE "realmgate"."aliases" ADD CONSTRAINT "aliases_container_id_containers_id_fk" FOREIGN KEY ("container_id") REFERENCES "realmgate"."containers"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "realmgate"."aliases" ADD CONSTRAINT "aliases_server_id_servers_id_fk" FOREIGN KEY ("server_id") REFERENCES "realmgate"."servers"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "realmgate"."aliases" ADD CONSTRAINT "aliases_user_id_users_id_fk" FOREIGN KEY ("user_id") REFERENCES "realmgate"."users"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "realmgate"."container_realms" ADD CONSTRAINT "container_realms_container_id_containers_id_fk" FOREIGN KEY ("container_id") REFERENCES "realmgate"."containers"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "realmgate"."containers" ADD CONSTRAINT "containers_project_id_projects_id_fk" FOREIGN KEY ("project_id") REFERENCES "realmgate"."projects"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "realmgate"."containers" ADD CONSTRAINT "containers_server_id_servers_id_fk" FOREIGN KEY ("server_id") REFERENCES "realmgate"."servers"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "realmgate"."logins" ADD CONSTRAINT "logins_user_id_users_id_fk" FOREIGN KEY ("user_id") REFERENCES "realmgate"."users"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "realmgate"."members" ADD CONSTRAINT "members_project_id_projects_id_fk" FOREIGN KEY ("project_id") REFERENCES "realmgate"."projects"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "realmgate"."members" ADD CONSTRAINT "members_user_id_users_id_fk" FOREIGN KEY ("user_id") REFERENCES "realmgate"."users"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "realmgate"."project_realms" ADD CONSTRAINT "project_realms_project_id_projects_id_fk" FOREIGN KEY ("project_id") REFERENCES "realmgate"."projects"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "realmgate"."projects" ADD CONSTRAINT "projects_user_id_users_id_fk" FOREIGN KEY ("user_id") REFERENCES "realmgate"."users"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "realmgate"."status_logs" ADD CONSTRAINT "status_logs_container_id_containers_id_fk" FOREIGN KEY ("container_id") REFERENCES "realmgate"."containers"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "realmgate"."token_realms" ADD CONSTRAINT "token_realms_token_id_tokens_id_fk" FOREIGN KEY ("token_id") REFERENCES "realmgate"."tokens"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "realmgate"."tokens" ADD CONSTRAINT "tokens_user_id_users_id_fk" FOREIGN KEY ("user_id") REFERENCES "realmgate"."users"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "realmgate"."tokens" ADD CONSTRAINT "tokens_created_by_token_id_tokens_id_fk" FOREIGN KEY ("created_by_token_id") REFERENCES "realmgate"."tokens"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE UNIQUE INDEX "aliases_by_server" ON "realmgate"."aliases" USING btree ("server_id","alias");--> statement-breakpoint
CREATE UNIQUE INDEX "aliases_by_user" ON "realmgate"."aliases" USING btree ("user_id","alias");--> statement-breakpoint
CREATE INDEX "aliases_by_container" ON "realmgate"."aliases" USING btree ("container_id");--> statement-breakpoint
CREATE UNIQUE INDEX "changes_by_entity" ON "realmgate"."changes" USING btree ("kind","entity_id");--> statement-breakpoint
CREATE INDEX "container_realms_by_realm" ON "realmgate"."container_realms" USING btree ("realm_id");--> statement-breakpoint
CREATE INDEX "containers_by_name" ON "realmgate"."containers" USING btree ("project_id","name");--> statement-breakpoint
CREATE INDEX "logins_by_user" ON "realmgate"."logins" USING btree ("user_id","id");--> statement-breakpoint
CREATE UNIQUE INDEX "members_by_project" ON "realmgate"."members" USING btree ("project_id","user_id");--> statement-breakpoint
CREATE INDEX "members_by_user" ON "realmgate"."members" USING btree ("user_id");--> statement-breakpoint
CREATE INDEX "project_realms_by_realm" ON "realmgate"."project_realms" USING btree ("realm_id");--> statement-breakpoint
CREATE INDEX "projects_by_user" ON "realmgate"."projects" USING btree ("user_id","created_at");--> statement-breakpoint
CREATE INDEX "projects_by_alias" ON "realmgate"."projects" USING btree ("user_id","alias");--> statement-breakpoint
CREATE INDEX "status_logs_by_container" ON "realmgate"."status_logs" USING btree ("container_id","transition_time");--> statement-breakpoint
CREATE INDEX "token_realms_by_realm" ON "realmgate"."token_realms" USING btree ("realm_id");--> statement-breakpoint
CREATE INDEX "tokens_by_user" ON "realmgate"."tokens" USING btree ("user_id","created_at");--> statement-breakpoint
CREATE INDEX "tokens_by_maker" ON "realmgate"."tokens" USING btree ("created_by_token_id");--> statement-breakpoint
CREATE INDEX "tokens_by_public_key" ON "realmgate"."tokens" USING btree ("public_key");--> statement-breakpoint
INSERT INTO "realmgate"."revisions" VALUES (true, 0, 1);
