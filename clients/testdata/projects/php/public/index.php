<p id="port"><?= $_SERVER["SERVER_PORT"] ?></p>
