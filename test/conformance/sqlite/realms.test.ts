import { openSqlitePlace } from "../../harness/sqlite-store.ts";
import { realmConformance } from "../realms.ts";

realmConformance("the SQLite store", openSqlitePlace);
