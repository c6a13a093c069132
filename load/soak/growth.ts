// Whether memory is flat.

export interface Sample {
  readonly minute: number;
  readonly mib: number;
}

/** Slope of the line of least squares; NaN without two different minutes. */
export function growthMibPerMinute(samples: readonly Sample[]): number {
  const mean = (of: (sample: Sample) => number) =>
    samples.reduce((sum, sample) => sum + of(sample), 0) / samples.length;
  const [minute, mib] = [mean((sample) => sample.minute), mean((sample) => sample.mib)];
  let [covariance, variance] = [0, 0];
  for (const sample of samples) {
    covariance += (sample.minute - minute) * (sample.mib - mib);
    variance += (sample.minute - minute) ** 2;
  }
  return covariance / variance;
}
