// The report is one safe, self-contained and complete file, whatever the run looked like.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type ReportData, type ReportStep, renderReport } from '../../services/cli/report/index.js';
import { fixtureSteps, reportFixture, summaryOf } from './report-fixture.js';

const plotKeys = ['ratios', 'mixture', 'losses', 'throughput', 'gradient-norm', 'learning-rate'];

/** The figure of one plot, without the rest of the page. */
function figureOf(page: string, key: string): string {
  const found = new RegExp(`<figure id="${key}">[\\s\\S]*?</figure>`).exec(page);
  assert.ok(found, `figure ${key}`);
  return found[0];
}

function count(text: string, part: string | RegExp): number {
  return text.split(part).length - 1;
}

describe('a report', () => {
  const data = reportFixture();
  const rendered = renderReport(data);

  test('has every plot, each with a title, a description and marks', async () => {
    const page = await rendered;
    for (const key of plotKeys) {
      const figure = figureOf(page, key);
      assert.match(
        figure,
        /<svg [^>]*role="img" aria-labelledby="[a-z-]+ [a-z-]+"><title id=[^>]*>[^<]+<\/title><desc/,
      );
      assert.ok(count(figure, '<path ') > 0, `${key} draws something`);
      assert.ok(!/NaN|undefined|Infinity/.test(figure), `${key} draws numbers only`);
    }
  });

  test('draws one line a domain with one point an interval, and the mixture as one block for each domain and interval', async () => {
    const page = await rendered;
    const ratios = figureOf(page, 'ratios');
    assert.equal(count(ratios, 'class="mark-line'), data.domains.length);
    // Six intervals and the measurement after them.
    assert.equal(count(ratios, /class="mark-symbol[^>]*>(?:<path[^>]*>){7}<\/g>/), data.domains.length);
    const blocks =
      /class="mark-rect role-mark[^>]*>([\s\S]*?)<\/g>/.exec(figureOf(page, 'mixture'))?.[1] ?? '';
    assert.equal(count(blocks, '<path '), data.domains.length * 6);
  });

  test('holds everything itself: no script, nothing from elsewhere, and a policy that says so', async () => {
    const page = await rendered;
    assert.doesNotMatch(page, /<script|<link|<img|<iframe|<object|@import|url\(|\son[a-z]+=|javascript:/i);
    const addresses = new Set(page.match(/https?:\/\/[^\s"'<>)]+/g));
    assert.deepEqual([...addresses], ['http://www.w3.org/2000/svg']);
    assert.match(page, /http-equiv="Content-Security-Policy" content="default-src &#39;none&#39;;/);
  });

  test('has a row for each domain with its perplexities, gap, share and the other arms', async () => {
    const page = await rendered;
    // typescript: teacher 3.1, start 9.8, final 3.1 + 6.7 exp(-0.35 * 6) = 3.92, gap 3.92 / 3.1 = 1.26
    const row = /<tr><th scope="row">[^\n]*typescript<\/th>[\s\S]*?<\/tr>/.exec(page)?.[0] ?? '';
    const cells = row
      .replace(/<[^>]*>/g, ' ')
      .trim()
      .split(/\s+/);
    assert.deepEqual(cells, ['typescript', '3.10', '9.80', '3.92', '4.00', '4.39', '1.26×', '30.0', '%']);
    assert.match(row, /<strong>3\.92<\/strong>/, 'the best arm of the row is bold');
  });

  test('has tables with the numbers behind the plots', async () => {
    const page = await rendered;
    assert.match(figureOf(page, 'ratios'), /<table>[\s\S]*3\.16×/);
    assert.match(figureOf(page, 'mixture'), /<table>[\s\S]*25\.0 %/);
    assert.match(page, /Numbers by step[\s\S]*Means of 8 steps each/);
  });

  test('names settings and digests that make the run repeatable', async () => {
    const page = await rendered;
    for (const { name, value } of data.settings)
      assert.ok(page.includes(`${name}</th><td>${value}</td>`), name);
    for (const { digest } of data.digests) assert.ok(page.includes(digest), digest);
  });

  test('changes every colour of its plots for readers who prefer dark', async () => {
    const page = await rendered;
    const dark = page.slice(page.indexOf('prefers-color-scheme:dark'), page.indexOf('</style>'));
    const colours = new Set(
      plotKeys.flatMap((key) => figureOf(page, key).match(/(?:fill|stroke)="#[0-9a-f]+"/g) ?? []),
    );
    for (const colour of colours) assert.ok(dark.includes(`[${colour}]`), `${colour} has a dark tone`);
  });

  test('is the same text every time', async () => {
    assert.equal(await renderReport(reportFixture()), await rendered);
  });
});

describe('the summary of steps', () => {
  const mean = (values: readonly number[]): number => values.reduce((sum, v) => sum + v, 0) / values.length;
  // 1003 steps: 201 buckets of five, the last of three; 39 rows of 26, the last of 15.
  const steps = fixtureSteps({ intervals: 1, stepsPerInterval: 1003 });
  const parts = (size: number): ReportStep[][] =>
    Array.from({ length: Math.ceil(steps.length / size) }, (_, i) => steps.slice(i * size, (i + 1) * size));

  test('has the mean, least and greatest of as many neighbours as leave at most 250 points', () => {
    const line = summaryOf(steps).line('loss');
    const expected = parts(5).map((members) => {
      const losses = members.map(({ loss }) => loss);
      const [x, y] = [mean(members.map(({ step }) => step)), mean(losses)];
      return { x, y, low: Math.min(...losses), high: Math.max(...losses) };
    });
    assert.equal(expected.length, 201);
    assert.deepEqual(line, expected);
  });

  test('has a row for as many neighbours as leave at most 40 rows, with the last of their steps', () => {
    const summary = summaryOf(steps);
    assert.equal(summary.stepsPerRow, 26);
    const expected = parts(26).map((members) => ({
      step: members.at(-1)?.step,
      ce: mean(members.map(({ ce }) => ce)),
      learningRate: mean(members.map(({ learningRate }) => learningRate)),
    }));
    assert.deepEqual(
      summary.rows().map(({ step, ce, learningRate }) => ({ step, ce, learningRate })),
      expected,
    );
  });

  test('leaves out what is not finite, and keeps what it is of all steps', () => {
    const gap = steps.map((step) => ({ ...step, kl: step.step <= 10 ? Number.NaN : step.kl }));
    const summary = summaryOf(gap);
    assert.equal(summary.line('kl')[0]?.x, 13);
    assert.equal(summary.mean('kl'), mean(steps.slice(10).map(({ kl }) => kl)));
    assert.equal(summary.highest('learningRate'), Math.max(...steps.map((step) => step.learningRate)));
    assert.deepEqual([summary.first?.step, summary.last?.step], [1, 1003]);
    const unknown = summaryOf(steps.map((step) => ({ ...step, kl: Number.NaN })));
    assert.deepEqual(unknown.line('kl'), []);
    assert.ok(unknown.rows().every(({ kl }) => Number.isNaN(kl)));
  });
});

describe('hostile names', () => {
  const evil = `</title></svg><script>alert(1)</script>"'><img src=x onerror=alert(1)> &amp; \u202egpj.\u0000exe`;
  const fixture = reportFixture({ intervals: 2, stepsPerInterval: 4 });
  const data: ReportData = {
    ...fixture,
    name: evil,
    createdAt: evil,
    outcome: evil,
    settings: [{ group: evil, name: evil, value: evil }],
    digests: [{ name: evil, digest: evil }],
    domains: fixture.domains.map((domain) => ({ ...domain, name: evil })),
    arms: fixture.arms.map((arm) => ({ ...arm, name: evil })),
  };

  test('stay text, in the page and in the plots', async () => {
    const page = await renderReport(data);
    assert.doesNotMatch(page, /<script|<img/i);
    // Every tag of the page is one that the report writes itself.
    const tags = new Set([...page.matchAll(/<([a-zA-Z][^\s>/]*)/g)].map((match) => match[1]));
    const own =
      'html head meta title style body main header h1 h2 h3 p dl div dt dd small table caption thead tbody tfoot tr th td ' +
      'span strong ul li figure figcaption svg desc g path line text details summary';
    assert.deepEqual(
      [...tags].filter((tag) => !own.split(' ').includes(tag ?? '')),
      [],
    );
    assert.match(page, /&lt;script&gt;alert\(1\)/);
  });

  test('lose characters that are invisible or turn the text around', async () => {
    const page = await renderReport(data);
    for (const character of ['\u0000', '\u202e']) assert.ok(!page.includes(character));
  });

  test('are not evaluated by the plots', async () => {
    const expression = {
      ...data,
      domains: data.domains.map((domain) => ({ ...domain, name: "datum['x'] + {signal: 'width'}" })),
    };
    assert.match(figureOf(await renderReport(expression), 'ratios'), />datum/);
  });
});

describe('unusual runs', () => {
  test('one interval that was measured and not trained', async () => {
    const fixture = reportFixture({ intervals: 1, stepsPerInterval: 1 });
    const only = { ...fixture.intervals[0]!, weights: [] };
    const page = await renderReport({ ...fixture, intervals: [only], steps: summaryOf([]) });
    assert.doesNotMatch(figureOf(page, 'ratios'), /NaN/);
    assert.doesNotMatch(page, /id="mixture"|id="losses"/);
    assert.match(page, /No steps were trained/);
  });

  test('one interval of one step', async () => {
    const page = await renderReport(reportFixture({ intervals: 1, stepsPerInterval: 1 }));
    for (const key of plotKeys) assert.doesNotMatch(figureOf(page, key), /NaN|Infinity/);
  });

  test('too many intervals to show them all', async () => {
    const fixture = reportFixture({ intervals: 3, stepsPerInterval: 5 });
    const page = await renderReport({ ...fixture, intervalsPlanned: 3000, everyNth: 1000 });
    assert.match(figureOf(page, 'ratios'), /<caption>One interval in 1000, and the last\.<\/caption>/);
    assert.match(page, /in 3000 intervals/);
    assert.doesNotMatch(await renderReport(fixture), /One interval in/);
  });

  test('nothing at all yet', async () => {
    const page = await renderReport({
      name: 'new',
      createdAt: '2026-03-01T00:00:00Z',
      settings: [],
      digests: [],
      domains: [],
      intervals: [],
      intervalsPlanned: 0,
      everyNth: 1,
      steps: summaryOf([]),
      arms: [],
    });
    assert.doesNotMatch(page.replace(/<style>[\s\S]*?<\/style>/, ''), /NaN|Infinity|undefined/);
  });

  test('numbers that are not known are dashes, and missing in the plots', async () => {
    const fixture = reportFixture({ intervals: 3, stepsPerInterval: 5 });
    const page = await renderReport({
      ...fixture,
      steps: summaryOf(
        fixtureSteps({ intervals: 3, stepsPerInterval: 5 }).map((step) => ({
          ...step,
          kl: Number.NaN,
          gradientNorm: Number.POSITIVE_INFINITY,
        })),
      ),
      domains: fixture.domains.map((domain, i) =>
        i === 0 ? { ...domain, finalPerplexity: Number.NaN } : domain,
      ),
      intervals: fixture.intervals.map((interval) => ({
        ...interval,
        ratios: [Number.NaN, ...interval.ratios.slice(1)],
      })),
    });
    assert.doesNotMatch(page.replace(/<style>[\s\S]*?<\/style>/, ''), /NaN|Infinity/);
    assert.doesNotMatch(
      figureOf(page, 'losses').replace(/<p>.*?<\/p>|<desc[^>]*>.*?<\/desc>/g, ''),
      /divergence/,
    );
    assert.match(page, />–</);
  });

  test('a long run stays a small file', async () => {
    // 250 points a line and 40 rows of numbers, however many steps there were.
    const page = await renderReport(reportFixture({ intervals: 20, stepsPerInterval: 1000 }));
    assert.ok(page.length < 250_000, `${page.length} characters`);
  });

  test('thirty domains keep a name each', async () => {
    const fixture = reportFixture({ intervals: 2, stepsPerInterval: 3 });
    const many = Array.from({ length: 30 }, (_, index) => index);
    const page = await renderReport({
      ...fixture,
      domains: many.map((i) => ({ ...fixture.domains[i % 4]!, name: `domain-${i}` })),
      intervals: fixture.intervals.map((interval) => ({
        ...interval,
        ratios: many.map((i) => 1 + i / 10),
        weights: interval.weights.length === 0 ? [] : many.map(() => 1 / 30),
      })),
      arms: [],
    });
    for (const i of many) assert.ok(page.includes(`domain-${i}<`));
  });
});
