// Where traces go, by the variables of OpenTelemetry's own specification.

/** A collector that takes OTLP over HTTP, as JSON. */
export interface TraceCollector {
  /** Absolute, `http:` or `https:`. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly serviceName: string;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Null: traces are off. `report` gets what is wrong with a variable, and then they are off, too. */
export function readTraceCollector(
  environment: Environment,
  report: (variable: string, problem: string) => void,
): TraceCollector | null {
  const own = environment.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT;
  const base = environment.OTEL_EXPORTER_OTLP_ENDPOINT;
  const isOff =
    environment.OTEL_SDK_DISABLED === "true" || environment.OTEL_TRACES_EXPORTER === "none";
  if (isOff || (!own && !base)) return null;
  const [variable, text] = own
    ? (["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", own] as const)
    : (["OTEL_EXPORTER_OTLP_ENDPOINT", `${base?.replace(/\/$/, "")}/v1/traces`] as const);
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol)) {
    report(variable, "is no URL with http:// or https://");
    return null;
  }
  const protocol =
    environment.OTEL_EXPORTER_OTLP_TRACES_PROTOCOL || environment.OTEL_EXPORTER_OTLP_PROTOCOL;
  if (protocol && protocol !== "http/json") {
    report("OTEL_EXPORTER_OTLP_PROTOCOL", "must be http/json, which is what the gate speaks");
    return null;
  }
  const headers = readHeaders(
    environment.OTEL_EXPORTER_OTLP_TRACES_HEADERS || environment.OTEL_EXPORTER_OTLP_HEADERS || "",
  );
  if (headers === null) {
    report("OTEL_EXPORTER_OTLP_HEADERS", "must be name=value, separated by commas");
    return null;
  }
  return { url: url.href, headers, serviceName: environment.OTEL_SERVICE_NAME || "realmgate" };
}

/** `name=value,…`, values percent-encoded. Null: it is not that. */
function readHeaders(text: string): Readonly<Record<string, string>> | null {
  const headers: Record<string, string> = {};
  for (const part of text.split(",").filter((each) => each.trim() !== "")) {
    const [, name, value] = /^\s*([!#$%&'*+.^_`|~0-9A-Za-z-]+)\s*=\s*([!-~]*)\s*$/.exec(part) ?? [];
    if (name === undefined || value === undefined) return null;
    try {
      headers[name.toLowerCase()] = decodeURIComponent(value);
    } catch {
      return null;
    }
  }
  return headers;
}
