CREATE TABLE "realmgate"."realms" (
	"id" text collate "C" PRIMARY KEY NOT NULL,
	"user_id" text collate "C" NOT NULL,
	"name" text collate "C" NOT NULL,
	"created_at" text collate "C" NOT NULL
);
--> statement-breakpoint
ALTER TABLE "realmgate"."realms" ADD CONSTRAINT "realms_user_id_users_id_fk" FOREIGN KEY ("user_id") REFERENCES "realmgate"."users"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE UNIQUE INDEX "realms_by_name" ON "realmgate"."realms" USING btree ("user_id","name");