package probe.nextflow;

import groovy.lang.Closure;
import groovy.lang.GString;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;

/** Values as JSON can hold them: nothing that is lazy, circular or long. */
final class Told {
    private static final int LONGEST = 4096; // characters of a value's text
    private static final int MOST = 1000; // members of a list or map
    private static final int DEEPEST = 6;

    private Told() {}

    static Object plain(Object value) {
        return plain(value, 0);
    }

    private static Object plain(Object value, int depth) {
        if (value == null || value instanceof Boolean || value instanceof Integer || value instanceof Long) {
            return value;
        }
        if (value instanceof Closure || value instanceof GString) {
            return null; // not evaluated before its time
        }
        if (value instanceof Path path) {
            return path(path);
        }
        if (depth < DEEPEST && value instanceof Collection<?> members) {
            List<Object> all = new ArrayList<>();
            for (Object member : members) {
                if (all.size() == MOST) {
                    break;
                }
                all.add(plain(member, depth + 1));
            }
            return all;
        }
        if (depth < DEEPEST && value instanceof Map<?, ?> members) {
            Map<String, Object> all = new LinkedHashMap<>();
            for (Map.Entry<?, ?> member : members.entrySet()) {
                if (all.size() == MOST) {
                    break;
                }
                all.put(String.valueOf(member.getKey()), plain(member.getValue(), depth + 1));
            }
            return all;
        }
        String text = value.toString();
        return text.length() <= LONGEST ? text : text.substring(0, LONGEST) + "…";
    }

    /** A local path is absolute; one of another file system is its URI. */
    static String path(Path path) {
        return "file".equals(path.getFileSystem().provider().getScheme())
                ? path.toAbsolutePath().normalize().toString()
                : path.toUri().toString();
    }

    /** Puts what can be told under a name; what fails or is nothing is left out. */
    static void put(Map<String, Object> told, String name, Callable<?> value) {
        try {
            Object found = plain(value.call());
            if (found != null) {
                told.put(name, found);
            }
        } catch (Exception | LinkageError | AssertionError unknown) {
            return; // e.g. a directive that cannot be evaluated here
        }
    }
}
