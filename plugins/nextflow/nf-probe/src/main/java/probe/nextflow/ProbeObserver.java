package probe.nextflow;

import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicBoolean;
import nextflow.Session;
import nextflow.processor.TaskProcessor;
import nextflow.processor.TaskRun;
import nextflow.trace.TraceObserverV2;
import nextflow.trace.event.FilePublishEvent;
import nextflow.trace.event.TaskEvent;
import nextflow.trace.event.WorkflowOutputEvent;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Writes one line for each thing that happens. Called by Nextflow's own threads: whatever fails in here is
 * logged and goes no further, and the pipeline never notices.
 */
final class ProbeObserver implements TraceObserverV2 {
    private static final Logger log = LoggerFactory.getLogger(ProbeObserver.class);

    private final Recording recording;
    private final Set<Object> described = ConcurrentHashMap.newKeySet();
    private final AtomicBoolean complained = new AtomicBoolean();
    private Session session;
    private Surroundings surroundings;

    ProbeObserver(Recording recording) {
        this.recording = recording;
    }

    @FunctionalInterface
    private interface Work {
        void run() throws Exception;
    }

    private void safely(Work work) {
        try {
            work.run();
        } catch (Throwable error) { // Groovy's assertions are errors too
            if (complained.compareAndSet(false, true)) {
                log.warn("probe: something of this run goes untold: {}", error.toString());
            }
            log.debug("probe", error);
        }
    }

    private void write(String note, Map<String, Object> told) throws Exception {
        Map<String, Object> line = new LinkedHashMap<>();
        line.put("note", note);
        line.put("when", System.currentTimeMillis() * 1_000_000L);
        line.putAll(told);
        recording.write(line);
    }

    @Override
    public void onFlowCreate(Session created) {
        session = created;
        safely(() -> surroundings = new Surroundings(session, recording));
        safely(() -> write("run", Runs.described(session)));
    }

    @Override
    public void onFlowBegin() {
        safely(() -> write("scripts", Runs.begun(session)));
    }

    @Override
    public void onProcessCreate(TaskProcessor process) {
        safely(() -> write("process", Tasks.process(process)));
        safely(() -> {
            if (surroundings != null) {
                surroundings.enter(process);
            }
        });
    }

    @Override
    public void onProcessTerminate(TaskProcessor process) {}

    @Override
    public void onTaskPending(TaskEvent event) {
        safely(() -> {
            TaskRun task = event.getHandler().getTask();
            if (surroundings != null && !surroundings.enter(task)) {
                write("gap", Map.of("key", Tasks.key(task), "text", task.lazyName()
                        + " was not given the recorder: its container engine, or its own options, leave no room",
                        "remedy", "take LD_PRELOAD out of its containerOptions, or run it with docker, podman,"
                        + " singularity, apptainer or charliecloud"));
            }
        });
    }

    @Override
    public void onTaskSubmit(TaskEvent event) {
        safely(() -> {
            TaskRun task = event.getHandler().getTask();
            write("start", Tasks.described(task, event.getTrace()));
            described.add(task.getId());
        });
    }

    @Override
    public void onTaskStart(TaskEvent event) {}

    @Override
    public void onTaskComplete(TaskEvent event) {
        safely(() -> {
            TaskRun task = event.getHandler().getTask();
            if (!described.contains(task.getId())) {
                Map<String, Object> told = Tasks.described(task, event.getTrace()); // ended before it was submitted
                told.put("runs_command", false);
                write("start", told);
            }
            write("end", Tasks.ended(task, event.getTrace()));
        });
    }

    @Override
    public void onTaskCached(TaskEvent event) {
        safely(() -> {
            TaskRun task = event.getHandler().getTask();
            Map<String, Object> told = Tasks.described(task, event.getTrace());
            told.put("runs_command", false);
            told.put(task.getHash() == null ? "stored" : "cached", true);
            write("start", told);
            write("end", Tasks.ended(task, event.getTrace()));
        });
    }

    @Override
    public boolean enableMetrics() {
        return false;
    }

    @Override
    public void onFilePublish(FilePublishEvent event) {
        safely(() -> {
            Map<String, Object> told = new LinkedHashMap<>();
            told.put("source", text(event.getSource()));
            told.put("target", text(event.getTarget()));
            told.put("labels", event.getLabels());
            write("publish", told);
        });
    }

    @Override
    public void onWorkflowOutput(WorkflowOutputEvent event) {
        safely(() -> {
            Map<String, Object> told = new LinkedHashMap<>();
            told.put("name", event.getName());
            told.put("value", Told.plain(event.getValue()));
            told.put("index", text(event.getIndex()));
            write("output", told);
        });
    }

    @Override
    public void onFlowError(TaskEvent event) {
        safely(() -> {
            Map<String, Object> told = new LinkedHashMap<>();
            if (event != null && event.getHandler() != null && event.getHandler().getTask() != null) {
                told.put("key", Tasks.key(event.getHandler().getTask()));
            }
            write("error", told);
        });
    }

    @Override
    public void onFlowComplete() {
        safely(() -> {
            Map<String, Object> told = Runs.ended(session);
            write("complete", told);
            recording.finish(Boolean.TRUE.equals(told.get("success")) ? 0 : 1);
        });
    }

    private static String text(Path path) {
        return path == null ? null : Told.path(path);
    }
}
