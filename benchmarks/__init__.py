"""What agentc takes and what its estimates say: tables that one command each prints."""
