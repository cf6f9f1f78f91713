package probe.nextflow;

import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import nextflow.Session;
import nextflow.container.ContainerConfig;
import nextflow.processor.TaskConfig;
import nextflow.processor.TaskRun;

/**
 * What puts the recorder into every task: three variables of the configuration's {@code env} scope, which
 * Nextflow exports in each task's wrapper, and for containers the folders they name.
 *
 * <p>Bash expands the values when the task runs. A library that is not there (another host, an image without
 * the mount) is left out, so that no loader complains into the task's output. A step's key ends with the last
 * 33 bytes of the work directory: Nextflow's own name of the task.
 */
final class Surroundings {
    static final String KEY = "nextflow:";
    private static final String OPTIONS = "containerOptions";
    private static final Map<String, Optional<Object>> ORIGINALS = new ConcurrentHashMap<>();

    private Surroundings() {}

    /** Adds to the configuration's environment, around what the user's own says. */
    static void enter(Session session, Recording recording) {
        Map<String, Object> environment = environmentOf(session);
        Object mine = environment.get("LD_PRELOAD");
        String rest = mine == null ? "${LD_PRELOAD:-}" : mine.toString();
        String library = recording.library;
        environment.put("LD_PRELOAD",
                "$(case :" + rest + ": in (*:" + library + ":*) ;; (*) [ -r " + library + " ] && printf %s "
                + library + ":;; esac)" + rest);
        environment.put("PROBE_RUN", quoted(recording.folder.toString()));
        environment.put("PROBE_STEP", KEY + "${PROBE_TASK:-${PWD: -33}}");
    }

    /** Lets a task's container see the library and the run's folder, and know its step. */
    static boolean enterContainer(TaskRun task, Recording recording) {
        ContainerConfig container = task.getContainerConfig();
        String engine = container == null ? "" : String.valueOf(container.getEngine());
        TaskConfig config = task.getConfig();
        Object written = config.getRawValue(OPTIONS);
        if (written instanceof String text && ORIGINALS.containsKey(text)) {
            written = ORIGINALS.get(text).orElse(null); // a retry: its configuration was copied from the first one's
            config.put(OPTIONS, written);
        }
        Object own = config.get(OPTIONS);
        String added = options(engine, recording, Tasks.key(task).substring(KEY.length()));
        if (added == null || (own != null && !(own instanceof CharSequence))) {
            return false;
        }
        String whole = own == null ? added : own + " " + added;
        ORIGINALS.put(whole, Optional.ofNullable(written));
        config.put(OPTIONS, whole);
        return true;
    }

    private static String options(String engine, Recording recording, String task) {
        String library = recording.library;
        Path run = recording.folder;
        return switch (engine) {
            case "docker", "podman" ->
                "-v " + library + ":" + library + ":ro -v " + run + ":" + run + " -e PROBE_TASK=" + task;
            case "singularity", "apptainer" ->
                "-B " + library + ":" + library + ":ro -B " + run + ":" + run + " --env PROBE_TASK=" + task;
            case "charliecloud" ->
                "-b " + library + ":" + library + " -b " + run + ":" + run + " --set-env=PROBE_TASK=" + task;
            default -> null;
        };
    }

    @SuppressWarnings("unchecked")
    private static Map<String, Object> environmentOf(Session session) {
        Map<String, Object> config = session.getConfig();
        if (!(config.get("env") instanceof Map)) {
            config.put("env", new LinkedHashMap<String, Object>());
        }
        return (Map<String, Object>) config.get("env");
    }

    private static String quoted(String text) {
        return text.replaceAll("([\\\\\"`$])", "\\\\$1");
    }
}
