// The file of the authorities of control planes may change while we run: connections from then on are verified by what it holds.
import { readFileSync } from "node:fs";
import { holdsCertificates } from "../config/node-certificates.ts";
import type { Log } from "../log.ts";

const POLL_MS = 10_000;

export interface AuthoritiesReloadOptions {
  readonly path: string;
  /** PEM, at present. */
  readonly present: () => Buffer | null;
  /** Takes others into use. */
  readonly replace: (authorities: Buffer) => void;
  readonly log: Log;
}

/** A file without certificates is refused loudly, once, and the authorities from before stay. */
export class AuthoritiesReload {
  readonly #options: AuthoritiesReloadOptions;
  readonly #timer: ReturnType<typeof setInterval>;
  /** What was refused last, so that it is said once. */
  #refusedAs: string | null = null;

  constructor(options: AuthoritiesReloadOptions) {
    this.#options = options;
    this.#timer = setInterval(() => this.check(), POLL_MS);
    this.#timer.unref();
  }

  /** Looks at the file now. Never throws. */
  check(): void {
    const { path, present, replace, log } = this.#options;
    const read = readAuthorities(path);
    if (typeof read === "string") {
      if (read !== this.#refusedAs) {
        log.error({ path, problem: read }, "authorities of control planes: those from before stay");
      }
      this.#refusedAs = read;
      return;
    }
    this.#refusedAs = null;
    if (present()?.equals(read)) return;
    replace(read);
    log.info({ path }, "authorities of control planes: the new ones are in use");
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}

/** Or why there are none. */
function readAuthorities(path: string): Buffer | string {
  try {
    const bytes = readFileSync(path);
    return holdsCertificates(bytes.toString()) ? bytes : "it holds no certificates in PEM";
  } catch (error) {
    return `it cannot be read (${(error as NodeJS.ErrnoException).code ?? "unknown error"})`;
  }
}
