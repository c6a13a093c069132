// Certificates as operators make them, with the command of OpenSSL.
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Certificate } from "./certificate.ts";

/** Null: it is not installed. */
export const openssl = Bun.which("openssl");

export interface IssueOptions {
  /** As `URI:realmgate:node/east-1`. */
  readonly san?: string;
  /** `clientAuth`, `serverAuth`; none unless said. */
  readonly usage?: string;
  readonly isAuthority?: boolean;
  /** From now on; negative: it has ended. 5 unless said. */
  readonly days?: number;
}

/** An authority in files: its own certificate is `cert`, and leads to that of a root where it is another's. */
export class OpensslAuthority implements Certificate {
  readonly cert: string;
  readonly key: string;
  readonly #folder = mkdtempSync(join(tmpdir(), "realmgate-openssl-"));

  private constructor({ cert, key }: Certificate) {
    this.cert = cert;
    this.key = key;
    writeFileSync(join(this.#folder, "ca.pem"), cert);
    writeFileSync(join(this.#folder, "ca.key"), key);
  }

  static root(name: string): OpensslAuthority {
    const folder = mkdtempSync(join(tmpdir(), "realmgate-openssl-"));
    const [key, cert] = [join(folder, "key"), join(folder, "cert")];
    const made = ["-x509", ...newKey, "-keyout", key, "-out", cert, "-subj", `/CN=${name}`];
    run(["req", ...made, "-days", "10"]);
    return new OpensslAuthority(pair(cert, key));
  }

  /** An authority that this one vouches for. Chains of what it issues have its certificate in them. */
  intermediate(name: string): OpensslAuthority {
    return new OpensslAuthority(this.issue(name, { isAuthority: true }));
  }

  /** `chain`: what comes behind it in the file. */
  issue(name: string, options: IssueOptions, chain = ""): Certificate {
    const { san, usage, isAuthority = false, days = 5 } = options;
    const at = (file: string) => join(this.#folder, file);
    const lines = [
      `basicConstraints=critical,CA:${isAuthority ? "TRUE" : "FALSE"}`,
      ...(san === undefined ? [] : [`subjectAltName=${san}`]),
      ...(usage === undefined ? [] : [`extendedKeyUsage=${usage}`]),
    ];
    writeFileSync(at("ext"), `${lines.join("\n")}\n`);
    run(["req", ...newKey, "-keyout", at("key"), "-out", at("csr"), "-subj", `/CN=${name}`]);
    const signed = [
      "-in",
      at("csr"),
      "-CA",
      at("ca.pem"),
      "-CAkey",
      at("ca.key"),
      "-CAcreateserial",
    ];
    run(["x509", "-req", ...signed, "-extfile", at("ext"), "-days", `${days}`, "-out", at("cert")]);
    const issued = pair(at("cert"), at("key"));
    return { cert: issued.cert + chain, key: issued.key };
  }
}

const newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];

function pair(cert: string, key: string): Certificate {
  return { cert: readFileSync(cert, "utf8"), key: readFileSync(key, "utf8") };
}

function run(args: readonly string[]): void {
  const { exitCode, stderr } = Bun.spawnSync([openssl ?? "openssl", ...args]);
  if (exitCode !== 0) throw new Error(`openssl ${args.join(" ")}: ${stderr}`);
}
