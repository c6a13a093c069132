// The stock OpenSSH client through the gate to a real sshd.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import net from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { type Api, Document, enforced, loginAdmin } from "../harness/client.ts";
import { type Program, startProgram } from "../harness/program.ts";
import { until, within } from "../harness/until.ts";

const root = resolve(import.meta.dir, "../..");
/** An address of its own, for the port is given: 22. */
const ADDRESS = "127.0.22.2";
const missing =
  Bun.which("ssh") === null || Bun.which("ssh-keygen") === null
    ? "openssh-client is not installed"
    : !(await Bun.file("/usr/sbin/sshd").exists())
      ? "openssh-server is not installed"
      : process.getuid?.() !== 0
        ? "only root may listen on port 22"
        : null;
if (missing !== null) {
  console.warn(`SKIPPED: ${missing}, so OpenSSH through the gate is untested`);
}
const startMsMax = 30_000;
const TOKEN = "a token for the tunnel";
const DOCUMENT = {
  groups: { key: { type: "token", value: TOKEN, header: "X-Key" } },
  permissions: { key: { ssh: true } },
  default: "deny",
};

let program: Program;
let folder: string;
let sshd: Bun.Subprocess;
let host: string;
let document: Document;

async function listens(): Promise<void> {
  await until(async () => {
    const socket = net.connect(22, ADDRESS);
    const answered = await new Promise<boolean>((done) => {
      socket.once("connect", () => done(true));
      socket.once("error", () => done(false));
    });
    socket.destroy();
    return answered;
  }, "sshd listens");
}

function startSshd(): Bun.Subprocess {
  for (const name of ["host", "user"]) {
    Bun.spawnSync(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", join(folder, name)]);
  }
  mkdirSync("/run/sshd", { recursive: true });
  const lines = [
    `ListenAddress ${ADDRESS}:22`,
    `HostKey ${join(folder, "host")}`,
    `AuthorizedKeysFile ${join(folder, "user.pub")}`,
    "PidFile none",
    "StrictModes no",
    "UsePAM no",
    "PermitRootLogin prohibit-password",
    "PasswordAuthentication no",
  ];
  writeFileSync(join(folder, "sshd_config"), `${lines.join("\n")}\n`);
  return Bun.spawn(["/usr/sbin/sshd", "-D", "-e", "-f", join(folder, "sshd_config")], {
    stderr: "ignore",
  });
}

async function makeContainer(api: Api): Promise<void> {
  const project = await api.data("POST", "/projects/", { body: { alias: "ssh" } });
  const body = { name: "box", address: ADDRESS };
  const answer = await api.call("POST", `/projects/${project.id}/containers`, { body });
  await enforced(program.urls, answer);
  const { id } = answer.body.data;
  document = new Document(api, program.urls, "containers", id);
  await document.replace(DOCUMENT);
  host = `${project.id}-${id}-ssh-22.local.containers.localhost`;
}

beforeAll(async () => {
  if (missing !== null) return;
  folder = mkdtempSync(join(tmpdir(), "realmgate-ssh-"));
  sshd = startSshd();
  program = await startProgram();
  await Promise.all([listens(), loginAdmin(program.urls).then(makeContainer)]);
}, startMsMax);

afterAll(async () => {
  if (missing !== null) return;
  sshd.kill();
  await program[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

function ssh(command: string, input: Blob | "ignore" = "ignore", token = TOKEN) {
  const words = [process.execPath, "src/main.ts", "connect", "%h", "--gate", program.urls.proxy];
  const options = [
    `ProxyCommand=${words.join(" ")} --kit-token-header X-Key`,
    `IdentityFile=${join(folder, "user")}`,
    `UserKnownHostsFile=${join(folder, "known_hosts")}`,
    "StrictHostKeyChecking=accept-new",
    "BatchMode=yes",
    "LogLevel=ERROR",
  ];
  const flags = options.flatMap((option) => ["-o", option]);
  return Bun.spawn(["ssh", "-F", "none", ...flags, `root@${host}`, command], {
    cwd: root,
    env: { PATH: process.env.PATH, HOME: folder, REALMGATE_KIT_TOKEN: token },
    stdin: input,
    stdout: "pipe",
    stderr: "pipe",
  });
}

describe.skipIf(missing !== null)("ssh through the gate", () => {
  test("runs a command, and its exit status comes back", async () => {
    const child = ssh("echo hello from $SSH_CONNECTION; exit 7");
    const output = await new Response(child.stdout).text();
    expect([output.split(" ").slice(0, 2), await child.exited]).toEqual([["hello", "from"], 7]);
  }, 20_000);

  test("carries 20 MB up and down unchanged", async () => {
    const bytes = crypto.getRandomValues(new Uint8Array(65_536));
    const blob = new Blob(Array.from({ length: 320 }, () => bytes));
    const child = ssh("cat", blob);
    const back = await new Response(child.stdout).bytes();
    const digest = (data: Uint8Array) => new Bun.CryptoHasher("sha256").update(data).digest("hex");
    expect(await child.exited).toBe(0);
    expect(back.length).toBe(blob.size);
    expect(digest(back)).toBe(digest(await blob.bytes()));
  }, 40_000);

  test("with a wrong token is refused in one line", async () => {
    const child = ssh("true", "ignore", "another");
    const said = await new Response(child.stderr).text();
    expect(await child.exited).toBe(255);
    expect(said).toContain(
      `realmgate: ${host}: refused: 401 unauthenticated (Authentication is required; request `,
    );
  }, 20_000);

  test("ends in the middle when permission goes", async () => {
    const child = ssh("echo begun; exec sleep 60");
    const reader = child.stdout.getReader();
    expect(new TextDecoder().decode((await reader.read()).value)).toBe("begun\n");
    await document.replace({ ...DOCUMENT, permissions: { key: { ssh: false } } });
    // The command itself would run for a minute.
    expect(await within(child.exited, "ssh ends with its permission")).toBe(255);
    const said = await new Response(child.stderr).text();
    expect(said).toContain("closed by the gate: 1008 access ended");
  }, 20_000);
});
