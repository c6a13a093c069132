// A permission document as a snapshot holds it.
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import {
  type PermissionDocument,
  PermissionDocumentSchema,
} from "../../../proto/gen/realmgate/v1/permissions_pb.ts";
import type { Log } from "../../log.ts";
import { type CompiledPolicy, compile } from "../../policy/compile.ts";
import { parseDocument } from "../../policy/document.ts";

/** Whose document it is, as the log names it. */
export type Owner = { readonly project: string } | { readonly container: string };

/** Compiled, or why it could not be. */
export type Compiled =
  | { readonly ok: true; readonly policy: CompiledPolicy }
  | { readonly ok: false; readonly problem: string };

/** Compiled when it is first asked for; until then there are its bytes only (some 70 µs and 3 KB later). */
export class StoredPolicy {
  #bytes: Uint8Array;
  #compiled: Compiled | null = null;
  #reported = false;

  /** `bytes`: of `decidingBytes`. */
  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** What is known to be stored, and cannot be read. */
  static unreadable(): StoredPolicy {
    const stored = new StoredPolicy(NO_BYTES);
    stored.#compiled = { ok: false, problem: "it cannot be read from the database" };
    return stored;
  }

  /** Whether the log says already that it does not compile. */
  get reported(): boolean {
    return this.#reported;
  }

  report(log: Log, owner: Owner, problem: string): void {
    this.#reported = true;
    log.error(
      { ...owner, problem },
      "permission document does not compile; what it guards is closed",
    );
  }

  /** Never throws: one bad document must not take the others with it. */
  get compiled(): Compiled {
    if (this.#compiled === null) {
      this.#compiled = compiledOf(this.#bytes);
      this.#bytes = NO_BYTES;
    }
    return this.#compiled;
  }
}

const NO_BYTES = new Uint8Array(0);

/** The document without what does not decide: equal for all that decide alike. */
export function decidingBytes(document: PermissionDocument): Uint8Array {
  const { groups, permissions, default: fallback, combine } = document;
  const deciding = create(PermissionDocumentSchema, { groups, permissions });
  if (fallback !== undefined) {
    deciding.default = fallback;
  }
  if (combine !== undefined) {
    deciding.combine = combine;
  }
  return toBinary(PermissionDocumentSchema, deciding);
}

function compiledOf(bytes: Uint8Array): Compiled {
  try {
    const parsed = parseDocument(fromBinary(PermissionDocumentSchema, bytes));
    if (parsed.ok) {
      return { ok: true, policy: compile(parsed.document) };
    }
    const violations = parsed.violations.map(({ pointer, reason }) => `${pointer} ${reason}`);
    return { ok: false, problem: violations.join("; ") };
  } catch (error) {
    return { ok: false, problem: String(error) };
  }
}
