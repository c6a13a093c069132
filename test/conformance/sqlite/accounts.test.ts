import { openSqlitePlace } from "../../harness/sqlite-store.ts";
import { accountConformance } from "../accounts.ts";

accountConformance("the SQLite store", openSqlitePlace);
