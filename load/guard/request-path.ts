// CPU time of a proxied request in the programs of two checkouts that run side by side and take turns.
import { loginAdmin, makePlace } from "../../test/harness/client.ts";
import { startScript } from "../../test/harness/process-lines.ts";
import type { Program, startProgram } from "../../test/harness/program.ts";
import { cpuUs } from "../process-cpu.ts";
import { type Load, saturate } from "../side-by-side/drive.ts";
import { credentials, documents, type Gate } from "../side-by-side/work.ts";
import type { Compared } from "./compared.ts";

const PAIRS = 5;
const RUN_S = 1;
const CONNECTIONS = 32;
const gates: readonly Gate[] = ["ip", "jwt"];

async function started(root: string): Promise<Program> {
  const harness: { startProgram: typeof startProgram } = await import(
    `${root}/test/harness/program.ts`
  );
  return harness.startProgram({ environment: { REALMGATE_TRUSTED_PROXIES: "" } });
}

async function loads(program: Program, upstreamPort: number): Promise<Map<Gate, Load>> {
  const api = await loginAdmin(program.urls);
  const all = new Map<Gate, Load>();
  for (const gate of gates) {
    const place = await makePlace(api, program.urls, upstreamPort);
    await place.container.replace(documents[gate]);
    all.set(gate, {
      name: `guard, ${gate}`,
      protocol: "h1",
      port: Number(new URL(program.urls.proxy).port),
      hosts: [place.host("terminal-1")],
      path: "/",
      fields: credentials[gate],
      postBytes: 0,
      connections: CONNECTIONS,
      folder: "",
    });
  }
  return all;
}

async function costUs(pid: number, load: Load): Promise<number> {
  const beforeUs = cpuUs(pid);
  const { requests } = await saturate("autocannon", load, RUN_S);
  return (cpuUs(pid) - beforeUs) / requests;
}

export async function requestRatios(ours: string, base: string): Promise<Compared[]> {
  await using upstream = startScript(`${import.meta.dir}/../stub-upstream.ts`);
  const port = Number(await upstream.line());
  await using our = await started(ours);
  await using their = await started(base);
  const [ourLoads, theirLoads] = [await loads(our, port), await loads(their, port)];
  const compared: Compared[] = [];
  for (const gate of gates) {
    const [ourLoad, theirLoad] = [ourLoads.get(gate), theirLoads.get(gate)];
    if (ourLoad === undefined || theirLoad === undefined) throw new Error(`no load for ${gate}`);
    // Until the code is compiled.
    await costUs(our.pid, ourLoad);
    await costUs(their.pid, theirLoad);
    const ratios: number[] = [];
    for (let pair = 0; pair < PAIRS; pair++) {
      if (pair % 2 === 0) {
        const us = await costUs(our.pid, ourLoad);
        ratios.push(us / (await costUs(their.pid, theirLoad)));
      } else {
        const us = await costUs(their.pid, theirLoad);
        ratios.push((await costUs(our.pid, ourLoad)) / us);
      }
    }
    compared.push({ name: `request path: CPU of a GET, ${gate}`, ratios });
  }
  return compared;
}
