// What tables are made of.
import { customType, pgSchema } from "drizzle-orm/pg-core";

/** Text that sorts by its bytes, whatever the database's locale. */
export const text = customType<{ data: string }>({ dataType: () => 'text collate "C"' });
export const bytea = customType<{ data: Buffer }>({ dataType: () => "bytea" });

/** All tables are in a schema of their own, so that the database may have others. */
export const realmgate = pgSchema("realmgate");
