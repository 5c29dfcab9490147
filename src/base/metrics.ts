import { strict as assert } from 'node:assert';

export type MetricKind = 'counter' | 'gauge' | 'histogram';

/** One number of a metric; `suffix` tells the parts of a histogram apart. */
export interface Sample {
  readonly suffix: '' | '_bucket' | '_sum' | '_count';
  readonly labels: readonly (readonly [name: string, value: string])[];
  readonly value: number;
}

/** All samples of one metric at one moment. */
export interface MetricFamily {
  readonly name: string;
  readonly help: string;
  readonly kind: MetricKind;
  readonly samples: readonly Sample[];
}

/** Values of the labels of one series, in the order of their names. */
type LabelValues = readonly string[];

export interface MetricSpec<Values extends LabelValues> {
  /** With its unit, and of a counter with `_total`: `isopod_launch_duration_seconds`. */
  readonly name: string;
  /** A sentence for who reads the numbers. */
  readonly help: string;
  readonly labels?: { readonly [Index in keyof Values]: string };
  /** Series that are there from the start, with 0: what never happened is then told apart from what is not counted. */
  readonly known?: readonly Values[] | undefined;
}

/** Series of one metric; beyond it they are counted together, as `other`. Whatever reaches us, memory stays bounded. */
export const MAX_SERIES = 1000;
const OTHER = 'other';
const METRIC_NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const LABEL_NAME = /^[a-zA-Z_][a-zA-Z0-9_]*$/;
/** No value of a label of ours has it. */
const SEPARATOR = '\0';

/** What grows. */
export class Counter<Values extends LabelValues> {
  readonly #series: Series<{ value: number }>;

  constructor(series: Series<{ value: number }>) {
    this.#series = series;
  }

  increment(...values: Values): void {
    this.add(1, ...values);
  }

  add(amount: number, ...values: Values): void {
    this.#series.of(values).value += amount;
  }
}

interface Distribution {
  /** By bucket, and last what is above all of them. */
  readonly counts: number[];
  sum: number;
}

/** How values are distributed over fixed buckets. */
export class Histogram<Values extends LabelValues> {
  readonly #series: Series<Distribution>;
  readonly #bounds: readonly number[];

  constructor(series: Series<Distribution>, bounds: readonly number[]) {
    this.#series = series;
    this.#bounds = bounds;
  }

  observe(value: number, ...values: Values): void {
    const distribution = this.#series.of(values);
    let bucket = 0;
    while (bucket < this.#bounds.length && value > (this.#bounds[bucket] ?? 0)) bucket += 1;
    distribution.counts[bucket] = (distribution.counts[bucket] ?? 0) + 1;
    distribution.sum += value;
  }
}

/** The states of one metric by the values of its labels. */
class Series<State> {
  readonly labels: readonly string[];
  readonly #states = new Map<string, State>();
  readonly #make: () => State;

  constructor({ labels = [], known = [] }: MetricSpec<LabelValues>, make: () => State) {
    this.labels = labels;
    this.#make = make;
    if (labels.length === 0) this.of([]);
    for (const values of known) this.of(values);
  }

  of(values: LabelValues): State {
    const key = values.length === 1 ? (values[0] ?? '') : values.join(SEPARATOR);
    const found = this.#states.get(key);
    if (found !== undefined) return found;
    if (this.#states.size >= MAX_SERIES) return this.#keep(this.labels.map(() => OTHER).join(SEPARATOR));
    return this.#keep(key);
  }

  *entries(): Iterable<readonly [Sample['labels'], State]> {
    for (const [key, state] of this.#states) yield [pair(this.labels, key.split(SEPARATOR)), state];
  }

  #keep(key: string): State {
    const state = this.#states.get(key) ?? this.#make();
    this.#states.set(key, state);
    return state;
  }
}

/** The metrics of one program: whoever counts something is given it, and nothing is counted in a module. */
export class MetricRegistry {
  readonly #families = new Map<string, () => MetricFamily>();

  counter<Values extends LabelValues = readonly []>(spec: MetricSpec<Values>): Counter<Values> {
    const series = new Series(spec, () => ({ value: 0 }));
    this.#add('counter', spec, () =>
      [...series.entries()].map(([labels, { value }]) => ({ suffix: '', labels, value })),
    );
    return new Counter(series);
  }

  /** What goes up and down: asked for when somebody looks, so that it costs nothing else. */
  gauge<Values extends LabelValues = readonly []>(
    spec: MetricSpec<Values>,
    read: () => Iterable<readonly [values: Values, value: number]>,
  ): void {
    const { labels = [] } = spec;
    this.#add('gauge', spec, () =>
      [...read()].slice(0, MAX_SERIES).map(([values, value]) => ({ suffix: '', labels: pair(labels, values), value })),
    );
  }

  /** A counter that somebody else keeps. */
  measured(spec: MetricSpec<readonly []>, read: () => number): void {
    this.#add('counter', spec, () => [{ suffix: '', labels: [], value: read() }]);
  }

  /** @param bounds upper bounds of the buckets, ascending; what is above all of them has one of its own */
  histogram<Values extends LabelValues = readonly []>(
    spec: MetricSpec<Values>,
    bounds: readonly number[],
  ): Histogram<Values> {
    const series = new Series<Distribution>(spec, () => ({ counts: [...bounds, 0].map(() => 0), sum: 0 }));
    this.#add('histogram', spec, () =>
      [...series.entries()].flatMap(([labels, state]) => distributionSamples(bounds, labels, state)),
    );
    return new Histogram(series, bounds);
  }

  /** What all of them say now, in the order in which they were made. */
  collect(): readonly MetricFamily[] {
    return [...this.#families.values()].map((read) => read());
  }

  #add(kind: MetricKind, { name, help, labels = [] }: MetricSpec<LabelValues>, read: () => readonly Sample[]): void {
    assert(METRIC_NAME.test(name), `${JSON.stringify(name)} is no name of a metric`);
    for (const label of labels) assert(LABEL_NAME.test(label), `${JSON.stringify(label)} is no name of a label`);
    assert(!this.#families.has(name), `there are two metrics ${name}`);
    this.#families.set(name, () => ({ name, help, kind, samples: read() }));
  }
}

function distributionSamples(
  bounds: readonly number[],
  labels: Sample['labels'],
  { counts, sum }: Distribution,
): readonly Sample[] {
  let below = 0;
  const buckets = counts.map((count, index): Sample => {
    below += count;
    return { suffix: '_bucket', labels: [...labels, ['le', String(bounds[index] ?? '+Inf')]], value: below };
  });
  return [...buckets, { suffix: '_sum', labels, value: sum }, { suffix: '_count', labels, value: below }];
}

function pair(names: readonly string[], values: readonly string[]): Sample['labels'] {
  return names.map((name, index) => [name, values[index] ?? ''] as const);
}
