package probe.nextflow;

import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import nextflow.Session;
import nextflow.container.ContainerConfig;
import nextflow.executor.local.LocalExecutor;
import nextflow.processor.TaskConfig;
import nextflow.processor.TaskProcessor;
import nextflow.processor.TaskRun;

/**
 * What puts the recorder into every task: three variables, of which local tasks inherit two.
 *
 * <p>Without containers they stand in the configuration's {@code env} scope, which Nextflow exports in each
 * task's wrapper. Where containers are enabled that scope would have Nextflow start each container through
 * bash, which an image need not have: there they stand in each task's {@code beforeScript}. Into a container
 * the recorder goes by itself, if the shell that starts it is recorded. That is so where tasks inherit from
 * this Nextflow; elsewhere (a cluster's node, or with the plugin alone) the container's options bring it in.
 * What the user wrote is kept.
 *
 * <p>Bash expands the values when the task runs. A library that is not there (on another host) is left out, so
 * that no loader complains into the task's output. A step's key ends with the last 33 bytes of the work
 * directory: Nextflow's own name of the task.
 */
final class Surroundings {
    static final String KEY = "nextflow:";
    private static final String OPTIONS = "containerOptions";
    private static final String BEFORE = "beforeScript";
    private static final String PRELOAD = "LD_PRELOAD";
    private static final String RUN = "PROBE_RUN";

    private final Recording recording;
    private final boolean containers;
    private final Map<String, Object> environment; // the configuration's scope `env`
    private final Map<String, Optional<Object>> originals = new ConcurrentHashMap<>(); // by what we made of them

    Surroundings(Session session, Recording recording) {
        this.recording = recording;
        ContainerConfig container = session.getContainerConfig();
        containers = container != null && container.isEnabled();
        environment = environmentOf(session);
        Object mine = environment.get(PRELOAD);
        if (mine != null) {
            environment.put(PRELOAD, preload(mine.toString()));
        }
        if (!containers) {
            environment.put("PROBE_STEP", KEY + "${PWD: -33}");
        }
    }

    /**
     * Enters a process, whose tasks all have one environment: Nextflow makes it of the configuration when it is
     * first asked, and keeps it. What the tasks inherit anyway is not said again.
     */
    void enter(TaskProcessor process) {
        Map<String, String> added = containers ? Map.of() : variables(process);
        if (added.isEmpty()) {
            return;
        }
        Map<String, Object> before = new LinkedHashMap<>(environment);
        added.forEach(environment::putIfAbsent);
        process.getProcessEnvironment();
        environment.keySet().retainAll(before.keySet());
        if (!process.getProcessEnvironment().containsKey(RUN)) { // a Nextflow that asks every time
            added.forEach(environment::putIfAbsent);
        }
    }

    /** Library and run, for tasks that do not inherit them from this Nextflow; a fork in each is saved. */
    private Map<String, String> variables(TaskProcessor process) {
        boolean here = process.getExecutor() instanceof LocalExecutor;
        if (here && recording.inherited) {
            return Map.of();
        }
        String library = here
                ? quoted(recording.library) + "${LD_PRELOAD:+:$LD_PRELOAD}"
                : preload("${LD_PRELOAD:-}");
        return Map.of(PRELOAD, library, RUN, quoted(recording.folder.toString()));
    }

    /** Enters one task that is about to be submitted; false: its container cannot be entered. */
    boolean enter(TaskRun task) {
        if (!containers) {
            return true;
        }
        Map<String, String> needed = variables(task.getProcessor());
        StringBuilder exports = new StringBuilder("export PROBE_STEP=\"" + Tasks.key(task) + '"');
        needed.forEach((name, value) -> exports.append(' ').append(name).append("=\"").append(value).append('"'));
        boolean entered = extend(task.getConfig(), BEFORE, "\n", exports.toString());
        if (!task.isContainerEnabled()) {
            return entered;
        }
        String options = options(task.getContainerConfig().getEngine(), task);
        return options != null && (needed.isEmpty() || extend(task.getConfig(), OPTIONS, " ", options));
    }

    /** Adds to a directive, whatever it is written as. False where it has a form that takes no addition. */
    private boolean extend(TaskConfig config, String directive, String between, String added) {
        Object written = config.getRawValue(directive);
        if (written instanceof String text && originals.containsKey(text)) {
            written = originals.get(text).orElse(null); // a retry: its directives are copies of the first one's
            config.put(directive, written);
        }
        Object own = config.get(directive);
        boolean takes = own == null || own instanceof CharSequence;
        if (!takes || (OPTIONS.equals(directive) && own != null && own.toString().contains(PRELOAD))) {
            return false;
        }
        String whole = own == null || own.toString().isBlank() ? added : own + between + added;
        originals.put(whole, Optional.ofNullable(written));
        config.put(directive, whole);
        return true;
    }

    /** The options that bring the recorder in, with a token that ties what is inside to what started it. */
    private String options(String engine, TaskRun task) {
        String library = recording.library;
        Path run = recording.folder;
        String token = task.getHash().toString().substring(0, 16);
        String[] variables = {
            PRELOAD + "=" + library, RUN + "=" + run, "PROBE_STEP=" + Tasks.key(task), "PROBE_CONTAINER=" + token,
        };
        return switch (engine) {
            case "docker", "podman" -> "-v " + library + ":" + library + ":ro -v " + run + ":" + run
                    + " --env=" + String.join(" --env=", variables);
            case "singularity", "apptainer" -> "-B " + library + ":" + library + ":ro -B " + run + ":" + run
                    + " --env " + String.join(" --env ", variables);
            case "charliecloud" -> "-b " + library + ":" + library + " -b " + run + ":" + run
                    + " --set-env=" + String.join(" --set-env=", variables);
            default -> null;
        };
    }

    private String preload(String rest) {
        String library = recording.library;
        return "$(case :" + rest + ": in (*:" + library + ":*) ;; (*) [ -r " + library + " ] && printf %s "
                + library + ":;; esac)" + rest;
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
