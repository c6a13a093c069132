#!/usr/bin/env node
// Runs the server's bundle on the Bun that was installed with this package, so that a machine with Node needs no Bun of its own.
import { spawn } from "node:child_process";
import { existsSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { constants } from "node:os";
import { dirname, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

const main = join(dirname(fileURLToPath(import.meta.url)), "../server/main.js");
const signals = ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR2"];
/** Smaller files are the placeholder of a package whose install script did not run. */
const programBytesMin = 1_000_000;
const cannotRun = 126;

/** The Bun of our dependency: as its install script leaves it, else as its package for this system has it. */
function ownBun() {
  const require = createRequire(import.meta.url);
  const musl = process.platform === "linux" && !process.report.getReport().header.glibcVersionRuntime;
  const arch = process.arch === "arm64" ? "aarch64" : process.arch;
  const system = process.platform === "win32" ? "windows" : process.platform;
  const folders = [
    () => dirname(require.resolve("bun/package.json")),
    () => {
      const name = `@oven/bun-${system}-${arch}${musl ? "-musl" : ""}/package.json`;
      return dirname(createRequire(require.resolve("bun/package.json")).resolve(name));
    },
  ];
  for (const folder of folders) {
    try {
      for (const name of ["bin/bun.exe", "bin/bun"]) {
        const path = join(folder(), name);
        if (existsSync(path) && statSync(path).size >= programBytesMin) return path;
      }
    } catch {
      // Not installed: the next one may be.
    }
  }
  return null;
}

function run(bun) {
  const args = [main, ...process.argv.slice(2)];
  if (typeof process.execve === "function") {
    // From Node 22.15 on: the process becomes the gate, so that signals and the supervisor reach it.
    process.execve(bun, [bun, ...args], process.env);
  }
  const child = spawn(bun, args, { stdio: "inherit" });
  for (const signal of signals) process.on(signal, () => child.kill(signal));
  child.on("error", (error) => {
    console.error(`realmgate: ${bun} cannot run: ${error.message}`);
    process.exit(cannotRun);
  });
  child.on("exit", (code, signal) => process.exit(code ?? 128 + constants.signals[signal]));
}

const bun = process.versions.bun === undefined ? ownBun() : process.execPath;
if (bun === null) {
  console.error(
    "realmgate: the package bun is not installed beside this one: npm left it out (--omit=optional, or the registry did not answer); install realmgate again",
  );
  process.exit(cannotRun);
}
run(bun);
