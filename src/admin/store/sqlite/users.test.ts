import { openSqlitePlace } from "../../../../test/conformance/sqlite-place.ts";
import { userConformance } from "../../../../test/conformance/users.ts";

userConformance("the SQLite store", openSqlitePlace);
