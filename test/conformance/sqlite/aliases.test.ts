import { openSqlitePlace } from "../../harness/sqlite-store.ts";
import { aliasConformance } from "../aliases.ts";

aliasConformance("the SQLite store", openSqlitePlace);
