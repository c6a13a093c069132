import { exposureConformance } from "../../../../test/conformance/exposures.ts";
import { openSqlitePlace } from "../../../../test/conformance/sqlite-place.ts";

exposureConformance("the SQLite store", openSqlitePlace);
