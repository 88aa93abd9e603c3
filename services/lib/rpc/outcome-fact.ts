// Whether a component works, by what came of its work: a fact of health that lasts until the next outcome.
import type { Report } from '#base';
import type { Health } from './health.js';

/**
 * Reports `name` as well, with `remark` as its detail, until it is called with the error that its last work ended with.
 * Work that somebody cancelled says nothing.
 */
export function outcomeFact(health: Health, name: string, remark: string): Report {
  let told: string | undefined;
  const tell = (healthy: boolean, detail: string): void => {
    if (told !== detail) health.set(name, healthy, detail);
    told = detail;
  };
  tell(true, remark);
  return (error) => {
    if (error === undefined) tell(true, remark);
    else if (error.code !== 'cancelled') tell(false, `the last run failed: ${error.message}`);
  };
}
