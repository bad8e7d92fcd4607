/* Runs the test that a game would write of itself. */
int test_my_game_survives_a_tunnel(void);

int main(void) {
    return test_my_game_survives_a_tunnel();
}
