package probe.nextflow;

import java.util.Collection;
import java.util.Map;

/**
 * What {@link Told} leaves of values, as JSON of ASCII characters alone.
 *
 * <p>Two lines are written for each task: with Groovy's own writer that took half of all the time in here.
 */
final class Json {
    private Json() {}

    static String of(Map<?, ?> line) {
        StringBuilder text = new StringBuilder(1024);
        append(text, line);
        return text.toString();
    }

    private static void append(StringBuilder text, Object value) {
        if (value == null || value instanceof Boolean || value instanceof Number) {
            text.append(value);
        } else if (value instanceof Map<?, ?> members) {
            append(text, members);
        } else if (value instanceof Collection<?> members) {
            String between = "[";
            for (Object member : members) {
                append(text.append(between), member);
                between = ",";
            }
            text.append(members.isEmpty() ? "[]" : "]");
        } else {
            quote(text, value.toString());
        }
    }

    private static void append(StringBuilder text, Map<?, ?> members) {
        String between = "{";
        for (Map.Entry<?, ?> member : members.entrySet()) {
            quote(text.append(between), String.valueOf(member.getKey()));
            append(text.append(':'), member.getValue());
            between = ",";
        }
        text.append(members.isEmpty() ? "{}" : "}");
    }

    private static void quote(StringBuilder text, String plain) {
        text.append('"');
        for (int at = 0; at < plain.length(); at++) {
            char one = plain.charAt(at);
            if (one == '"' || one == '\\') {
                text.append('\\').append(one);
            } else if (one >= ' ' && one < 0x7f) {
                text.append(one);
            } else {
                text.append("\\u").append(Integer.toHexString(0x10000 | one), 1, 5);
            }
        }
        text.append('"');
    }
}
