import type { ProgramPort } from "../../../proto/gen/realmgate/v1/containers_pb.ts";
import {
  canonicalProgram,
  isByPort,
  kitInstanceMax,
  portMax,
  sshPort,
} from "../../policy/program.ts";
import { DEFAULT_SETTINGS, type ProgramSettings, settingsOf } from "./program-settings.ts";

/** Stands for "no port leads there". */
export const NO_PORT = 0;

/** The programs that we answer ourselves where a container has no port for them. */
const BUILT_IN: ReadonlySet<string> = new Set(["curl", "logs"]);

/** Whether the gate itself answers for this program. */
export function isBuiltIn({ program, port }: Pick<Target, "program" | "port">): boolean {
  return port === NO_PORT && BUILT_IN.has(program);
}

/** What a request is decided as, and the port it would reach. */
export interface Target {
  readonly program: string;
  readonly instance: number;
  /** 1..65535, or NO_PORT. */
  readonly port: number;
}

interface Entry {
  readonly program: string;
  readonly base: number;
  /** 0: one port serves all instances. */
  readonly stride: number;
}

/**
 * Where the programs of a container listen, and whose each port is: a port that belongs to a program is only reachable as
 * that program, by whatever name it is asked for (docs/decisions.md).
 */
export class ProgramPorts {
  readonly #settings: ReadonlyMap<string, ProgramSettings>;
  readonly #byName: ReadonlyMap<string, Entry>;
  /** Largest base first, then by name: the first that fits is the owner. */
  readonly #byBase: readonly Entry[];

  /**
   * The container's own ports come before the defaults of the installation. `http`, `https` and `ssh` have no ports here; `http`
   * and `https` may have settings.
   */
  constructor(
    own: Readonly<Record<string, OwnProgram>>,
    defaults: Readonly<Record<string, number>>,
  ) {
    const entries = new Map<string, Entry>();
    for (const [name, port] of Object.entries(defaults)) {
      add(entries, name, port, 0);
    }
    for (const [name, { port, stride }] of Object.entries(own)) {
      add(entries, name, port, stride);
    }
    this.#settings = settingsByProgram(own);
    this.#byName = entries;
    this.#byBase = [...entries.values()].sort(
      (a, b) => b.base - a.base || (a.program < b.program ? -1 : 1),
    );
  }

  /** Cost grows with the container's programs (at most 64) only where a port must be looked up. */
  target(program: string, instance: number): Target {
    if (isByPort(program)) {
      return this.#ownerOf(instance) ?? ownPort(program, instance);
    }
    const entry = this.#byName.get(program);
    if (entry === undefined) {
      return { program, instance, port: NO_PORT };
    }
    const port = entry.base + (instance - 1) * entry.stride;
    if (port > portMax) {
      return { program, instance, port: NO_PORT };
    }
    if (entry.stride === 0) {
      return { program, instance, port };
    }
    return this.#ownerOf(port) ?? { program, instance, port };
  }

  /** Of a canonical program; those of `http` hold for `https`, too, unless it has its own. */
  settings(program: string): ProgramSettings {
    if (this.#settings.size === 0) {
      return DEFAULT_SETTINGS;
    }
    const own =
      this.#settings.get(program) ?? (program === "https" ? this.#settings.get("http") : undefined);
    return own ?? DEFAULT_SETTINGS;
  }

  #ownerOf(port: number): Target | undefined {
    for (const { program, base, stride } of this.#byBase) {
      if (base === port) {
        return { program, instance: 1, port };
      }
      if (base > port || stride === 0 || (port - base) % stride !== 0) {
        continue;
      }
      const instance = (port - base) / stride + 1;
      if (instance <= kitInstanceMax) {
        return { program, instance, port };
      }
    }
    return undefined;
  }
}

/** What a container says of a program. */
type OwnProgram = Pick<ProgramPort, "port" | "stride"> &
  Partial<Pick<ProgramPort, "host" | "responseTimeoutS" | "protocol">>;

function settingsByProgram(
  own: Readonly<Record<string, OwnProgram>>,
): ReadonlyMap<string, ProgramSettings> {
  const settings = new Map<string, ProgramSettings>();
  for (const [name, entry] of Object.entries(own)) {
    const program = canonicalProgram(name);
    if (program !== undefined) {
      settings.set(program, settingsOf(entry));
    }
  }
  return settings;
}

/** `http-22` must not go around `ssh: false`. */
function ownPort(program: string, port: number): Target {
  return { program: port === sshPort ? "ssh" : program, instance: port, port };
}

function add(entries: Map<string, Entry>, name: string, base: number, stride: number): void {
  const program = canonicalProgram(name);
  if (program === undefined || isByPort(program)) {
    return;
  }
  if (isWithin(base, 1, portMax) && isWithin(stride, 0, portMax)) {
    entries.set(program, { program, base, stride });
  }
}

function isWithin(value: number, min: number, max: number): boolean {
  return Number.isInteger(value) && value >= min && value <= max;
}
