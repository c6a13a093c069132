import { openSqlitePlace } from "../../harness/sqlite-store.ts";
import { listWalkConformance } from "../list-walks.ts";

listWalkConformance("the SQLite store", openSqlitePlace);
