// The group that `protect` makes: who gets in, from flags, and what it may reach.
import { randomBytes } from "node:crypto";
import type { ParsedArguments } from "../flags/flag.ts";
import { fieldAt } from "../output/cell.ts";
import { CommandFailure, exitCode } from "../terminal/exit-code.ts";

export const DEFAULT_HEADER = "X-Api-Token";

/** Flags that say who gets in; exactly one is given. */
const proofs = ["basic", "token", "jwt-secret", "ip"] as const;

export interface Proof {
  /** Of the group, unless `--group` names it. */
  readonly name: string;
  readonly group: Readonly<Record<string, unknown>>;
  /** What the new group's clients have to know, and this command made up. */
  readonly made: Readonly<Record<string, string>>;
}

/** Throws CommandFailure unless exactly one flag says who gets in, with what belongs to it. */
export function proofOf({ flags: said }: ParsedArguments): Proof {
  const [kind, ...others] = proofs.filter((name) => said.has(name) && said.get(name) !== false);
  if (kind === undefined || others.length > 0) {
    throw new CommandFailure(
      exitCode.usage,
      "who gets in? One of --basic NAME, --token, --jwt-secret - and --ip RANGE is required",
    );
  }
  const misplaced = [
    ["secret", kind === "basic" || kind === "token"],
    ["header", kind === "token"],
    ["algorithm", kind === "jwt-secret"],
  ] as const;
  for (const [name, belongs] of misplaced) {
    if (said.has(name) && !belongs) {
      throw new CommandFailure(exitCode.usage, `--${name} does not belong to --${kind}`);
    }
  }
  const text = (name: string) => String(said.get(name));
  const given = said.has("secret") ? text("secret") : null;
  switch (kind) {
    case "basic": {
      const username = text("basic");
      const password = given ?? newSecret();
      const salt = randomBytes(16).toString("hex");
      const group = { type: "password", username, password, salt };
      return {
        name: groupName(username),
        group,
        made: given === null ? { username, password } : {},
      };
    }
    case "token": {
      const value = given ?? newSecret();
      const header = said.has("header") ? text("header") : DEFAULT_HEADER;
      const made = given === null ? { header, token: value } : {};
      return { name: "token", group: { type: "token", value, header }, made };
    }
    case "jwt-secret": {
      const algorithm = said.has("algorithm") ? text("algorithm") : "HS256";
      const sources = ["header:Authorization"];
      return {
        name: "jwt",
        group: { type: "jwt", secret: text("jwt-secret"), algorithm, sources },
        made: {},
      };
    }
    default:
      return { name: "ip", group: { type: "ip", range: text("ip") }, made: {} };
  }
}

/** 192 bits. */
function newSecret(): string {
  return randomBytes(24).toString("base64url");
}

/** A user name as a group may be called. */
function groupName(username: string): string {
  return username.replaceAll(/[^A-Za-z0-9_-]/g, "-").slice(0, 50) || "password";
}

/**
 * A group that is there keeps its secret, unless a new one is given. Throws CommandFailure where another kind of group, or one
 * for somebody else, has the name.
 */
export function keptGroup(
  groups: Readonly<Record<string, unknown>>,
  name: string,
  proof: Proof,
  { flags: said }: ParsedArguments,
): Pick<Proof, "group" | "made"> {
  const present = Object.hasOwn(groups, name) ? groups[name] : undefined;
  if (present === undefined) return proof;
  const isSame = ["type", "username"].every(
    (field) => fieldAt(present, field) === fieldAt(proof.group, field),
  );
  if (!isSame) {
    throw new CommandFailure(
      exitCode.failed,
      `the container has another group ${name}; --group NAME names the new one`,
    );
  }
  const isMade = Object.keys(proof.made).length > 0;
  return isMade && !said.has("header") ? { group: present as Proof["group"], made: {} } : proof;
}

/** What the group has already, and the port; without one, everything. */
export function withPort(before: unknown, port: unknown): unknown {
  if (typeof port !== "number" || before === true) return true;
  if (typeof before === "number") return before === port ? port : [before, port];
  if (!Array.isArray(before)) return [port];
  return before.includes(port) ? before : [...before, port];
}
