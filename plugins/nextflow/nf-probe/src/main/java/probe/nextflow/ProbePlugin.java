package probe.nextflow;

import nextflow.plugin.BasePlugin;
import org.pf4j.PluginWrapper;

/** The plugin as Nextflow loads it; all that it does is in {@link ProbeFactory}. */
public class ProbePlugin extends BasePlugin {
    public ProbePlugin(PluginWrapper wrapper) {
        super(wrapper);
    }
}
