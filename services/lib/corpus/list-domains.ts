// The files of all domains. What is wrong with their paths is told of every path at once.
import { asOneError, DdkError } from '#base';
import type { DomainFiles } from './scan.js';
import { type DomainSource, listFiles } from './sources.js';

/** In the order of the domains. Throws as `listFiles`, with the sentences of all paths. */
export async function listDomains(domains: readonly DomainSource[]): Promise<DomainFiles[]> {
  const listed: DomainFiles[] = [];
  try {
    for (const domain of domains) listed.push({ name: domain.name, files: await listFiles(domain) });
  } catch (error) {
    throw await everyProblem(domains, DdkError.from(error));
  }
  return listed;
}

async function everyProblem(domains: readonly DomainSource[], known: DdkError): Promise<DdkError> {
  const problems: DdkError[] = [];
  for (const { name, paths } of domains)
    for (const path of paths)
      await listFiles({ name, paths: [path] }).catch((error: unknown) => problems.push(DdkError.from(error)));
  const [first = known, ...others] = problems;
  return asOneError(first, ...others);
}
