// Artifacts that a caller names in a field: what is wrong with one of them is wrong with that field.
import { DdkError, type ErrorCode } from '#base';

/**
 * What opening an artifact resolves with. Where it is missing (`not_found`), is not what the field asks for or does not fit
 * (`invalid_argument`), the error has a violation of `field`. Trouble of the store itself stays as it is.
 */
export async function namedBy<T>(field: string, opening: Promise<T>): Promise<T> {
  try {
    return await opening;
  } catch (thrown) {
    const error = DdkError.from(thrown);
    const code = codeOf(error);
    if (code === undefined) throw thrown;
    const { message, reason } = error;
    const options = { cause: thrown, violations: [{ field, description: message }] };
    throw new DdkError(code, message, reason === undefined ? options : { ...options, reason });
  }
}

function codeOf({ code, reason }: DdkError): ErrorCode | undefined {
  switch (code) {
    case 'not_found':
    case 'invalid_argument':
      return code;
    case 'failed_precondition':
      return reason === 'STORE_GONE' ? undefined : 'invalid_argument';
    case 'resource_exhausted':
      return reason === 'ARTIFACT_TOO_LARGE' ? 'invalid_argument' : undefined;
    default:
      return undefined;
  }
}
