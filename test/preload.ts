// Named by bunfig.toml: every test and hook may take 30 s. Bun has no setting for it there.
import { setDefaultTimeout } from "bun:test";

setDefaultTimeout(30_000);
