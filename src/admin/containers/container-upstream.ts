// Where the gate dials for a container. Only operators say so: a tenant that could would make it dial its neighbour.
import { pointerStep, Refused } from "../../../proto/call.ts";
import type { ProgramPort as ProgramPortMessage } from "../../../proto/gen/realmgate/v1/containers_pb.ts";
import { ErrorCode } from "../../../proto/gen/realmgate/v1/errors_pb.ts";
import type { AddressPolicy } from "../../policy/address-policy.ts";
import { canonicalProgram, isByPort } from "../../policy/program.ts";
import type { ProgramPort } from "../store/records.ts";

/** The address in canonical spelling; null: nowhere. Throws Refused INVALID_UPSTREAM. */
export function addressOf(sent: string | undefined, placement: AddressPolicy): string | null {
  if (sent === undefined) return null;
  const address = placement.place(sent);
  if (address !== null) return address;
  const message = "must be an IP literal inside REALMGATE_CONTAINER_CIDRS";
  throw new Refused(ErrorCode.INVALID_UPSTREAM, [{ instancePath: "/address", message }]);
}

/** Ports by canonical program. Throws Refused INVALID_UPSTREAM. */
export function programsOf(
  sent: Readonly<Record<string, ProgramPortMessage>>,
): Record<string, ProgramPort> {
  const programs = new Map<string, ProgramPort>();
  for (const [name, { port, stride }] of Object.entries(sent)) {
    const program = canonicalProgram(name);
    if (program === undefined) throw badProgram(name, "is not a program name");
    if (isByPort(program)) throw badProgram(name, "has the port that its URL names, and none here");
    if (programs.has(program)) throw badProgram(name, "names the program of another entry");
    programs.set(program, { port, stride });
  }
  return Object.fromEntries(programs);
}

function badProgram(name: string, message: string): Refused {
  const instancePath = `/programs${pointerStep(name)}`;
  return new Refused(ErrorCode.INVALID_UPSTREAM, [{ instancePath, message }]);
}
