// The mixture of a run's spec as the policy that #mixture plans by.
import { invalidArgument } from '#base';
import type { MixturePolicy } from '#mixture';
import { type MixtureSpec, MixturePolicy as PolicyName } from '#proto/ddk/v1/types';

/** Throws DdkError invalid_argument for a missing or unknown policy; its fields are checked by validatePolicy. */
export function mixturePolicy(spec: MixtureSpec | undefined): MixturePolicy {
  switch (spec?.policy) {
    case PolicyName.DDK:
      return {
        kind: 'ddk',
        alpha: spec.alpha,
        ...(spec.ratioClip === 0 ? {} : { ratioClip: spec.ratioClip }),
      };
    case PolicyName.UNIFORM:
      return { kind: 'uniform' };
    case PolicyName.NATURAL:
      return { kind: 'natural' };
    case PolicyName.FIXED:
      return { kind: 'fixed', weights: spec.weights };
    default: {
      const description = `must be DDK, UNIFORM, NATURAL or FIXED, but is ${spec?.policy ?? 'missing'}`;
      throw invalidArgument([{ field: 'mixture.policy', description }]);
    }
  }
}
