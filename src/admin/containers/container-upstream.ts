// Upstream address and ports of a container. Only operators set them: tenants could make the gate dial other containers.
import { ApiError } from "../../../proto/call.ts";
import type { ProgramPort as ProgramPortMessage } from "../../../proto/gen/realmgate/v1/containers_pb.ts";
import { ErrorCode } from "../../../proto/gen/realmgate/v1/errors_pb.ts";
import { pointerStep } from "../../../proto/json-pointer.ts";
import type { AddressPolicy } from "../../policy/address-policy.ts";
import { canonicalProgram, isByPort } from "../../policy/program.ts";
import type { ProgramPort } from "../store/records.ts";

/** The address in canonical form; null: no upstream. Throws ApiError INVALID_UPSTREAM. */
export function addressOf(sent: string | undefined, placement: AddressPolicy): string | null {
  if (sent === undefined) return null;
  const address = placement.place(sent);
  if (address !== null) return address;
  const message = "must be an IP literal inside REALMGATE_CONTAINER_CIDRS";
  throw new ApiError(ErrorCode.INVALID_UPSTREAM, [{ instancePath: "/address", message }]);
}

/** Ports by canonical program. Throws ApiError INVALID_UPSTREAM. */
export function programsOf(
  sent: Readonly<Record<string, ProgramPortMessage>>,
): Record<string, ProgramPort> {
  const programs = new Map<string, ProgramPort>();
  for (const [name, { port, stride, host, responseTimeoutS, protocol }] of Object.entries(sent)) {
    const program = canonicalProgram(name);
    if (program === undefined) throw badProgram(name, "is not a program name");
    if (isByPort(program)) {
      // An entry that says nothing was always one without a use.
      const says = host !== undefined || responseTimeoutS !== undefined || protocol !== undefined;
      if (port !== 0 || stride !== 0 || program === "ssh" || !says)
        throw badProgram(name, "takes its port from the URL and must not have one here");
    } else if (port === 0) throw badProgram(name, "is required", "/port");
    if (protocol === "h2c" && program === "https")
      throw badProgram(name, "does not speak h2c", "/protocol");
    if (programs.has(program)) throw badProgram(name, "names the same program as another entry");
    programs.set(program, {
      port,
      stride,
      ...(host === undefined ? {} : { host }),
      ...(responseTimeoutS === undefined ? {} : { responseTimeoutS }),
      ...(protocol === undefined ? {} : { protocol }),
    });
  }
  return Object.fromEntries(programs);
}

function badProgram(name: string, message: string, field = ""): ApiError {
  const instancePath = `/programs${pointerStep(name)}${field}`;
  return new ApiError(ErrorCode.INVALID_UPSTREAM, [{ instancePath, message }]);
}
