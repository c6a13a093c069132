import { openSqlitePlace } from "../../harness/sqlite-store.ts";
import { eventConformance } from "../events.ts";

eventConformance("the SQLite store", openSqlitePlace);
