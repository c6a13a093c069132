import { openSqlitePlace } from "../../harness/sqlite-place.ts";
import { realmConformance } from "../realms.ts";

realmConformance("the SQLite store", openSqlitePlace);
